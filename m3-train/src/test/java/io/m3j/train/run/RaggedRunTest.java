package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.weights.Checkpoint;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.ModelFiles;
import io.m3j.train.data.BadExample;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.RunReport.End;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.M3Image;
import io.m3j.vision.Resolution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs of a model of any resolution, on examples with no picture, one or several. */
class RaggedRunTest {

    private static final String NEXT = "llava-next-hf";
    private static final Scale NINE = Scale.of(9);

    /** Wide, tall, square, and one so thin that its map may be empty. */
    private static final List<Resolution> SIZES =
            List.of(
                    new Resolution(60, 40),
                    new Resolution(30, 70),
                    new Resolution(50, 50),
                    new Resolution(90, 2));

    @TempDir private Path directory;

    /** Made-up examples; keeps the numbers of those that were asked for. */
    private record Ragged(int size, IntFunction<List<Resolution>> pictures, List<Integer> got)
            implements ExampleSource {

        /** No picture, one, two, none, … of every size. */
        static Ragged of(int size) {
            return of(
                    size,
                    index ->
                            IntStream.range(index, index + index % 3)
                                    .mapToObj(i -> SIZES.get(i % SIZES.size()))
                                    .toList());
        }

        static Ragged of(int size, IntFunction<List<Resolution>> pictures) {
            return new Ragged(size, pictures, Collections.synchronizedList(new ArrayList<>()));
        }

        @Override
        public Example get(int index) {
            got.add(index);
            List<Resolution> sizes = pictures.apply(index);
            Random random = new Random(index);
            long[] ids = new long[8];
            long[] labels = new long[ids.length];
            List<M3Image> images = new ArrayList<>();
            for (int i = 0; i < ids.length; i++) {
                boolean slot = i > 0 && i <= sizes.size();
                ids[i] = i == 0 ? 1 : slot ? M3Tokenizer.IMAGE_ID : 3 + random.nextInt(500);
                labels[i] = i >= 4 ? ids[i] : Example.IGNORED;
            }
            for (Resolution size : sizes) {
                byte[] rgb = new byte[3 * size.width() * size.height()];
                random.nextBytes(rgb);
                images.add(M3Image.ofRgb(size.width(), size.height(), rgb));
            }
            return new Example("ragged-" + index, ids, labels, images);
        }

        @Override
        public int length(int index) {
            return pictures.apply(index).isEmpty() ? -8 : 8 - pictures.apply(index).size();
        }

        @Override
        public List<Resolution> pictureSizes(int index) {
            return pictures.apply(index);
        }

        @Override
        public int pictures(int index) {
            return pictures.apply(index).size();
        }

        @Override
        public String fingerprint() {
            return "ragged-" + size;
        }
    }

    /** Six steps of two batches of two at two scales, by groups of like lengths. */
    private static Recipe recipe(String more) {
        try {
            ObjectNode json = MiniRun.recipe();
            json.put("steps", 6);
            json.setAll((ObjectNode) MiniRun.JSON.readTree(more.replace('\'', '"')));
            return Recipe.of("recipe", json, Golden.checkpoint(NEXT));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private RunReport run(
            Recipe recipe, String name, boolean resume, ExampleSource data, boolean oneStep) {
        M3Trainer[] trainer = new M3Trainer[1];
        TrainingListener listener =
                new TrainingListener() {
                    @Override
                    public void stepped(Step step) {
                        if (oneStep) {
                            trainer[0].requestStop();
                        }
                    }
                };
        try (M3Trainer opened =
                MiniRun.open(recipe, directory.resolve(name), resume, data, listener)) {
            trainer[0] = opened;
            return opened.run();
        }
    }

    @Test
    void aRunStoppedBehindEveryStepEqualsOneThatWasNot() throws IOException {
        Recipe recipe =
                recipe(
                        "{'batch':{'size':2,'accumulation':2,'group_by_length':true,'loaders':2},"
                                + "'tiles_at_once':4,'loss':{'mode':'one_random_scale'}}");
        assertThat(run(recipe, "whole", false, Ragged.of(11), false).end()).isEqualTo(End.FINISHED);
        for (int step = 1; step <= 6; step++) {
            RunReport part = run(recipe, "parts", step > 1, Ragged.of(11), true);
            assertThat(part.steps()).isEqualTo(step);
        }
        Path whole = directory.resolve("whole");
        Path parts = directory.resolve("parts");
        assertThat(MiniRun.metrics(parts)).isEqualTo(MiniRun.metrics(whole));
        assertThat(MiniRun.weights(parts)).isEqualTo(MiniRun.weights(whole));
        try (Checkpoint learnt = Checkpoint.open(whole.resolve("model"));
                Checkpoint before = Checkpoint.open(Golden.checkpoint(NEXT))) {
            assertThat(learnt.get("image_newline").data())
                    .isNotEqualTo(before.get("image_newline").data());
        }
        assertThat(Files.readString(whole.resolve("model/config.json")))
                .contains("image_grid_pinpoints");
    }

    @Test
    void likeLengthsCountWhatPicturesTake() {
        Ragged data = Ragged.of(11);
        try (ModelFiles files = ModelFiles.open(Golden.checkpoint(NEXT), Optional.empty());
                ModelFiles plain =
                        ModelFiles.open(Golden.checkpoint("llava-m3"), Optional.empty())) {
            ImageProcessor cuts = files.imageProcessor();
            Preparation next = new Preparation(data, cuts, NINE, 100);
            Preparation whole = new Preparation(data, plain.imageProcessor(), NINE, 100);
            for (int i = 0; i < 11; i++) {
                int words = data.length(i);
                int tiles =
                        data.pictureSizes(i).stream()
                                .mapToInt(s -> cuts.layout(s.width(), s.height()).tokenCount(NINE))
                                .sum();
                assertThat(next.length(i)).isEqualTo(words + tiles);
                assertThat(whole.length(i)).isEqualTo(words + 9 * data.pictures(i));
            }
            assertThat(next.length(1)).isGreaterThan(whole.length(1));
        }
        // A picture that cannot be read has its say when its turn comes.
        ExampleSource broken = new MiniSource(3, Set.of(1), Set.of());
        try (ModelFiles files = ModelFiles.open(Golden.checkpoint(NEXT), Optional.empty())) {
            Preparation next = new Preparation(broken, files.imageProcessor(), NINE, 100);
            assertThat(next.length(1)).isEqualTo(6);
            assertThatThrownBy(() -> next.prepare(1)).isInstanceOf(BadExample.class);
        }
    }

    /** All have as many words; what differs is what their pictures take. */
    @Test
    void batchesHoldPicturesThatTakeAsMuch() {
        Ragged data = Ragged.of(8, index -> List.of(SIZES.get(index % 2 == 0 ? 2 : 3)));
        Recipe recipe =
                recipe("{'steps':4,'batch':{'size':2,'group_by_length':true},'freeze':['tower']}");
        run(recipe, "run", false, data, false);
        assertThat(new HashSet<>(data.got())).hasSize(8);
        for (int i = 0; i < 8; i += 2) {
            assertThat(data.got().get(i) % 2).isEqualTo(data.got().get(i + 1) % 2);
        }
    }

    @Test
    void anExampleWhosePicturesLeaveNoRoomIsNamedAndMayBeSkipped() {
        Ragged data = Ragged.of(6);
        String scales = "'scales':[9],'max_length':30,'batch':{'size':2}";
        assertThatThrownBy(() -> run(recipe("{" + scales + "}"), "run", false, data, false))
                .isInstanceOf(M3Exception.class)
                .hasMessageMatching(
                        "ragged-\\d: no id is labelled within the first 30 places at scale 9, where"
                                + " its pictures take \\d\\d+; raise max_length.*");
        String skipping = "{'steps':3,'faults':{'bad_example':'skip'}," + scales + "}";
        RunReport report = run(recipe(skipping), "skips", false, data, false);
        assertThat(report.skippedExamples()).isBetween(1L, 4L);
        assertThat(report.examples() + report.skippedExamples()).isEqualTo(6);
    }

    @Test
    void wordsForPatchesAreRefusedBeforeTheFirstStep() {
        assertThatThrownBy(
                        () ->
                                run(
                                        recipe("{'loss':{'grounding':0.5}}"),
                                        "run",
                                        false,
                                        Ragged.of(3),
                                        false))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("loss.grounding: expected 0 for a model of any resolution");
    }
}
