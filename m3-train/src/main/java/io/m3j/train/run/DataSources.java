package io.m3j.train.run;

import io.m3j.llm.M3Config;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.data.LabelMask;
import io.m3j.train.data.LlavaDataset;
import io.m3j.train.recipe.DataSource;
import io.m3j.train.recipe.EvaluationPlan;
import io.m3j.train.recipe.ModelSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.synthetic.SceneOptions;
import io.m3j.train.synthetic.Scenes;
import io.m3j.train.synthetic.ScenesSource;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.Resolution;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.stream.Collectors;

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
                        recipe.evaluation().map(EvaluationPlan::data).map(this::joined));
    }

    /**
     * @param recipe names model and data
     * @return its examples
     * @throws io.m3j.core.M3Exception if a file is missing or broken
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

    private ExampleSource joined(List<DataSource> sources) {
        List<ExampleSource> opened = sources.stream().map(this::opened).toList();
        return opened.size() == 1 ? opened.get(0) : new Joined(opened);
    }

    private ExampleSource opened(DataSource source) {
        if (source instanceof DataSource.Llava llava) {
            Path annotations = llava.annotations();
            return new LlavaDataset(
                    annotations, llava.images(), new LabelMask(template, tokenizer));
        }
        DataSource.Scenes scenes = (DataSource.Scenes) source;
        ScenesSource examples =
                new ScenesSource(
                        Scenes.of(
                                scenes.seed(),
                                scenes.crowded() ? SceneOptions.crowd() : SceneOptions.defaults()),
                        scenes.count(),
                        scenes.questionsPerScene(),
                        tokenizer,
                        template);
        if (scenes.captions()) {
            examples = examples.captioned();
        }
        return gridSide.isPresent() ? examples.grounded(gridSide.getAsInt()) : examples;
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

    /** Sources one behind the other. */
    private record Joined(List<ExampleSource> sources) implements ExampleSource {

        @Override
        public int size() {
            return sources.stream().mapToInt(ExampleSource::size).reduce(0, Math::addExact);
        }

        @Override
        public Example get(int index) {
            int start = start(index);
            return source(index).get(index - start);
        }

        @Override
        public int length(int index) {
            int start = start(index);
            return source(index).length(index - start);
        }

        @Override
        public int pictures(int index) {
            int start = start(index);
            return source(index).pictures(index - start);
        }

        @Override
        public List<Resolution> pictureSizes(int index) {
            int start = start(index);
            return source(index).pictureSizes(index - start);
        }

        @Override
        public String fingerprint() {
            return sources.stream()
                    .map(ExampleSource::fingerprint)
                    .collect(Collectors.joining(" + "));
        }

        private ExampleSource source(int index) {
            int left = Objects.checkIndex(index, size());
            for (ExampleSource source : sources) {
                if (left < source.size()) {
                    return source;
                }
                left -= source.size();
            }
            throw new AssertionError("an index within the size belongs to a source");
        }

        /** The number of the first example of the same source. */
        private int start(int index) {
            int start = 0;
            for (ExampleSource source : sources) {
                if (index < start + source.size()) {
                    break;
                }
                start += source.size();
            }
            return start;
        }
    }
}
