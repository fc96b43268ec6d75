package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.llm.M3Config;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.data.LabelMask;
import io.m3j.train.data.LlavaDataset;
import io.m3j.train.recipe.CurriculumStage;
import io.m3j.train.recipe.DataSource;
import io.m3j.train.recipe.EvaluationPlan;
import io.m3j.train.recipe.ModelSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.synthetic.SceneOptions;
import io.m3j.train.synthetic.Scenes;
import io.m3j.train.synthetic.ScenesSource;
import io.m3j.vision.ClipVisionConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * The examples that a recipe names, written with tokenizer and template of its model. Close it when the
 * last example was taken.
 */
public final class DataSources implements AutoCloseable {

    private final M3Tokenizer tokenizer;
    private final PromptTemplate template;
    private final OptionalInt gridSide;
    private final TrainingData data;

    private DataSources(Recipe recipe, M3Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.template = template(recipe.model(), tokenizer);
        this.gridSide =
                recipe.loss().grounding() > 0
                        ? OptionalInt.of(
                                M3Config.read(recipe.model().directory())
                                        .vision()
                                        .orElse(ClipVisionConfig.LARGE_PATCH14_336)
                                        .gridSide())
                        : OptionalInt.empty();
        this.data =
                new TrainingData(
                        joined(recipe.data()),
                        ofStages(recipe),
                        recipe.evaluation().map(EvaluationPlan::data).map(this::joined));
    }

    /**
     * @param recipe names model and data
     * @return its examples
     * @throws M3Exception if a file or folder is missing, or a file broken
     */
    public static DataSources open(Recipe recipe) {
        M3Tokenizer tokenizer = M3Tokenizer.load(recipe.model().directory());
        try {
            return new DataSources(recipe, tokenizer);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private static PromptTemplate template(ModelSource model, M3Tokenizer tokenizer) {
        return model.template()
                .map(PromptTemplate::named)
                .orElseGet(
                        () ->
                                PromptTemplate.choose(
                                        M3Config.read(model.directory())
                                                .facts()
                                                .withChatTemplate(tokenizer.chatTemplate())));
    }

    private Map<List<DataSource>, ExampleSource> ofStages(Recipe recipe) {
        Map<List<DataSource>, ExampleSource> opened = new LinkedHashMap<>();
        for (CurriculumStage stage : recipe.curriculum()) {
            if (!stage.data().isEmpty() && !stage.data().equals(recipe.data())) {
                opened.computeIfAbsent(stage.data(), this::joined);
            }
        }
        return opened;
    }

    private ExampleSource joined(List<DataSource> sources) {
        return JoinedExamples.of(sources.stream().map(this::opened).toList());
    }

    private ExampleSource opened(DataSource source) {
        if (source instanceof DataSource.Llava llava) {
            return conversations(llava);
        }
        DataSource.Scenes scenes = (DataSource.Scenes) source;
        ScenesSource examples =
                new ScenesSource(
                        Scenes.of(scenes.seed(), options(scenes)),
                        scenes.count(),
                        scenes.questionsPerScene(),
                        tokenizer,
                        template);
        if (scenes.captions()) {
            examples = examples.captioned();
        }
        if (scenes.blank()) {
            examples = examples.blank();
        }
        return gridSide.isPresent() ? examples.grounded(gridSide.getAsInt()) : examples;
    }

    private static SceneOptions options(DataSource.Scenes scenes) {
        if (scenes.crowded()) {
            return SceneOptions.crowd(scenes.formsAsked(), scenes.numberAsked());
        }
        return scenes.numberAsked() ? SceneOptions.numbers() : SceneOptions.defaults();
    }

    private ExampleSource conversations(DataSource.Llava llava) {
        Path images = llava.images();
        ExampleSource examples =
                new LlavaDataset(llava.annotations(), images, new LabelMask(template, tokenizer));
        boolean pictured =
                IntStream.range(0, examples.size()).anyMatch(i -> examples.pictures(i) > 0);
        if (pictured && !Files.isDirectory(images)) {
            throw new M3Exception(
                    images
                            + ": expected the folder of the pictures of "
                            + llava.annotations()
                            + ", found "
                            + (Files.exists(images) ? "a file" : "nothing"));
        }
        return examples;
    }

    /**
     * @return the examples, to be used before this is closed
     */
    public TrainingData data() {
        return data;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
