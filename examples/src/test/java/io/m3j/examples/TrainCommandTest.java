package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.train.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The training command on the model in the box, for two steps. */
class TrainCommandTest {

    private static final Path TINY = Home.model().toAbsolutePath();

    @TempDir private Path directory;

    private Path recipe() throws IOException {
        String json =
                "{'model':{'from':'"
                        + TINY
                        + "','template':'vicuna_v1'},'run':'run','steps':2,'batch':{'size':1},"
                        + "'data':[{'scenes':{'seed':3,'count':2,'questions_per_scene':2}}],"
                        + "'scales':[1,9],'optimizer':{'learning_rate':0.001}}";
        return Files.writeString(directory.resolve("recipe.json"), json.replace('\'', '"'));
    }

    @Test
    void aRunIsTrainedAndItsModelAnswers() throws IOException {
        JsonNode report = Run.of("train", "--recipe", recipe(), "--json").json();
        assertThat(report.get("end").asText()).isEqualTo("finished");
        assertThat(report.get("steps").asInt()).isEqualTo(2);
        assertThat(report.get("loss_by_scale")).hasSize(2);
        assertThat(report.get("skipped_examples").asInt()).isZero();
        Path run = directory.resolve("run");
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSize(2);
        assertThat(run.resolve("curves.png")).isNotEmptyFile();
        assertThat(run.resolve("provenance.json")).isNotEmptyFile();
        Path picture = Home.picture().toAbsolutePath();
        Run answer =
                Run.of(
                        "ask",
                        "--model",
                        run.resolve("model"),
                        "--image",
                        picture,
                        "--prompt",
                        "What is it?",
                        "--tokens",
                        "9",
                        "--max-new-tokens",
                        "2");
        assertThat(answer.status()).as(answer.err()).isZero();
        Run again = Run.of("train", "--recipe", recipe());
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains("holds a run already", "--resume auto");
        Run resumed = Run.of("train", "--recipe", recipe(), "--resume", "auto");
        assertThat(resumed.status()).as(resumed.err()).isZero();
        assertThat(resumed.err()).contains("goes on from", "step-0000000002", "finished");
    }

    @Test
    void aMistypedRecipeIsRefusedInOneLine() throws IOException {
        Path file = recipe();
        Files.writeString(file, Files.readString(file).replace("steps", "stepz"));
        Run run = Run.of("train", "--recipe", file);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("found stepz; did you mean steps?").hasLineCount(1);
    }

    @Test
    void theRecipesInTheBoxAreRead() throws IOException {
        List<Path> recipes;
        try (Stream<Path> files = Files.walk(Path.of("recipes"))) {
            // Beside them lies the directory of a model, whose files are none.
            recipes =
                    files.filter(file -> file.toString().endsWith(".json"))
                            .filter(file -> !file.getParent().endsWith("m3j-tiny"))
                            .toList();
        }
        assertThat(recipes).hasSizeGreaterThanOrEqualTo(10);
        recipes.forEach(Recipe::read);
        Recipe lora = Recipe.read(Path.of("recipes", "llava-1.5-7b-m3-lora.json"));
        assertThat(lora.lora().orElseThrow().rank()).isEqualTo(128);
        Recipe next = Recipe.read(Path.of("recipes", "llava-next-vicuna-7b-m3.json"));
        assertThat(next.step().tilesAtOnce()).isEqualTo(5);
        // The largest picture takes 576 + 48 · 49 places.
        assertThat(next.step().longest()).isGreaterThan(2928);
    }
}
