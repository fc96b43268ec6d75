package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.CurriculumStage;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.synthetic.SceneOptions;
import io.m3j.train.synthetic.Scenes;
import io.m3j.train.synthetic.ScenesSource;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From the names in a recipe to examples. */
class DataSourcesTest {

    private static final Path MODEL = Path.of("..", "examples", "recipes", "m3j-tiny");
    private static final int GRID = 24;

    /** The second stage names the data of the run, the fourth that of the third. */
    @Test
    void eachStageHasItsOwnDataAndNoneTwice() {
        String own =
                "'data':[{'scenes':{'seed':4,'count':5,'questions_per_scene':10,'crowded':true,"
                        + "'forms_asked':6,'number_asked':true}},{'scenes':{'seed':5,'count':2,'captions':true,'blank':true}},"
                        + "{'scenes':{'seed':6,'count':4,'questions_per_scene':12,'number_asked':true}}]";
        String more =
                "{'model':{'random':'.','template':'vicuna_v1'},'loss':{'grounding':1},'data':[{'scenes':{'count':3}}],"
                        + "'curriculum':[{'until_step':1,'scales':[1]},"
                        + "{'until_step':2,'scales':[1],'data':[{'scenes':{'count':3}}]},"
                        + "{'until_step':3,'scales':[1],"
                        + own
                        + "},{'until_step':4,'scales':[9],"
                        + own
                        + "}]}";
        Recipe recipe = Recipe.of("recipe", MiniRun.recipe(more), MODEL);
        try (DataSources sources = DataSources.open(recipe)) {
            TrainingData data = sources.data();
            assertThat(data.examples().size()).isEqualTo(3);
            CurriculumStage third = recipe.curriculum().get(2);
            assertThat(data.ofStages()).containsOnlyKeys(third.data());
            ExampleSource stage = data.ofStages().get(third.data());
            assertThat(stage.size()).isEqualTo(11);
            assertThat(data.all().size()).isEqualTo(14);
            assertThat(stage.fingerprint()).isEqualTo(byHand());
            assertThat(stage.get(0).groundings()).hasSize(1);
            assertThat(stage.get(5).groundings()).isEmpty();
            assertThat(stage.get(5).images()).containsExactly(M3Image.blank());
        }
    }

    /** Else each of its pictures were missing, and a recipe that skips those went on to its limit. */
    @Test
    void aFolderOfPicturesThatIsNotThereIsRefusedBeforeAnyIsMissing(@TempDir Path directory)
            throws IOException {
        String turns =
                "'conversations':[{'from':'human','value':'Hi'},{'from':'gpt','value':'Ho'}]}";
        Recipe text = recipe(directory, "{'id':'a'," + turns);
        try (DataSources sources = DataSources.open(text)) {
            assertThat(sources.data().examples().size()).isEqualTo(1);
        }
        Recipe pictured = recipe(directory, "{'id':'a','image':'a.png'," + turns);
        assertThatThrownBy(() -> DataSources.open(pictured))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(directory.resolve("pictures").toString())
                .hasMessageContaining("expected the folder of the pictures of")
                .hasMessageContaining("data.jsonl");
    }

    private static Recipe recipe(Path directory, String line) throws IOException {
        Path file =
                Files.writeString(directory.resolve("data.jsonl"), line.replace('\'', '"') + "\n");
        String source =
                "{'annotations':'" + file + "','images':'" + directory.resolve("pictures") + "'}";
        String more =
                "{'model':{'random':'.','template':'vicuna_v1'},'data':[{'llava':" + source + "}]}";
        return Recipe.of("recipe", MiniRun.recipe(more.replace('\\', '/')), MODEL);
    }

    private static String byHand() {
        try (M3Tokenizer tokenizer = M3Tokenizer.load(MODEL)) {
            PromptTemplate vicuna = PromptTemplate.named("vicuna_v1");
            Scenes crowd = Scenes.of(4, SceneOptions.crowd(6, true));
            ScenesSource asked = new ScenesSource(crowd, 5, 10, tokenizer, vicuna);
            ScenesSource told = new ScenesSource(Scenes.of(5), 2, 1, tokenizer, vicuna);
            ScenesSource numbers =
                    new ScenesSource(
                            Scenes.of(6, SceneOptions.numbers()), 4, 12, tokenizer, vicuna);
            return asked.grounded(GRID).fingerprint()
                    + " + "
                    + told.captioned().blank().grounded(GRID).fingerprint()
                    + " + "
                    + numbers.grounded(GRID).fingerprint();
        }
    }
}
