package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.weights.Checkpoint;
import io.m3j.llm.ModelFiles;
import io.m3j.train.Part;
import io.m3j.train.data.BadExample;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.RunReport.End;
import io.m3j.vision.ImageProcessor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs of a model of any resolution, on examples with no picture, one or several. */
class RaggedRunTest {

    private static final String NEXT = "llava-next-hf";
    private static final Scale NINE = Scale.of(9);

    @TempDir private Path directory;

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
        Recipe recipe = MiniRun.ragged("{" + MiniRun.RAGGED + "}");
        assertThat(run(recipe, "whole", false, RaggedSource.of(11), false).end())
                .isEqualTo(End.FINISHED);
        for (int step = 1; step <= 6; step++) {
            RunReport part = run(recipe, "parts", step > 1, RaggedSource.of(11), true);
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

    /** Adapters of the decoder, with dropout, the projector with its newline as it is, the tower frozen. */
    @Test
    void soItIsWithAdaptersWhichAreLeftBesideTheModel() throws IOException {
        Recipe recipe =
                MiniRun.ragged(
                        "{'steps':4,'lora':{'r':2,'alpha':4,'dropout':0.1},'freeze':['tower'],"
                                + "'activation_checkpointing':1,'scales':[1,9]}");
        run(recipe, "whole", false, RaggedSource.of(11), false);
        for (int step = 1; step <= 4; step++) {
            run(recipe, "parts", step > 1, RaggedSource.of(11), true);
        }
        Path whole = directory.resolve("whole");
        Path parts = directory.resolve("parts");
        assertThat(MiniRun.metrics(parts)).isEqualTo(MiniRun.metrics(whole));
        assertThat(MiniRun.weights(parts)).isEqualTo(MiniRun.weights(whole));
        Path config = parts.resolve("adapter/adapter_config.json");
        assertThat(MiniRun.JSON.readTree(config.toFile()).get("lora_dropout").asDouble())
                .isEqualTo(0.1);
        String adapter = "adapter/adapter_model.safetensors";
        assertThat(parts.resolve(adapter)).hasSameBinaryContentAs(whole.resolve(adapter));
        try (Checkpoint adapters = Checkpoint.open(whole.resolve(adapter));
                Checkpoint learnt = Checkpoint.open(whole.resolve("model"));
                Checkpoint state =
                        Checkpoint.open(
                                MiniRun.newestCheckpoint(whole)
                                        .orElseThrow()
                                        .resolve("weights.safetensors"))) {
            assertThat(adapters.get("base_model.model.image_newline").data())
                    .isEqualTo(learnt.get("image_newline").data());
            assertThat(state.names())
                    .allMatch(name -> name.contains("lora_") || Part.of(name) == Part.PROJECTOR);
        }
    }

    @Test
    void likeLengthsCountWhatPicturesTake() {
        RaggedSource data = RaggedSource.of(11);
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
        RaggedSource data =
                RaggedSource.of(
                        8, index -> List.of(RaggedSource.SIZES.get(index % 2 == 0 ? 2 : 3)));
        Recipe recipe =
                MiniRun.ragged(
                        "{'steps':4,'batch':{'size':2,'group_by_length':true},'freeze':['tower']}");
        run(recipe, "run", false, data, false);
        assertThat(new HashSet<>(data.got())).hasSize(8);
        for (int i = 0; i < 8; i += 2) {
            assertThat(data.got().get(i) % 2).isEqualTo(data.got().get(i + 1) % 2);
        }
    }

    @Test
    void anExampleWhosePicturesLeaveNoRoomIsNamedAndMayBeSkipped() {
        RaggedSource data = RaggedSource.of(6);
        String scales = "'scales':[9],'max_length':30,'batch':{'size':2}";
        assertThatThrownBy(() -> run(MiniRun.ragged("{" + scales + "}"), "run", false, data, false))
                .isInstanceOf(M3Exception.class)
                .hasMessageMatching(
                        "ragged-\\d: no id is labelled within the first 30 places at scale 9, where"
                                + " its pictures take \\d\\d+; raise max_length.*");
        String skipping = "{'steps':3,'faults':{'bad_example':'skip'}," + scales + "}";
        RunReport report = run(MiniRun.ragged(skipping), "skips", false, data, false);
        assertThat(report.skippedExamples()).isBetween(1L, 4L);
        assertThat(report.examples() + report.skippedExamples()).isEqualTo(6);
    }

    @Test
    void wordsForPatchesAreRefusedBeforeTheFirstStep() {
        assertThatThrownBy(
                        () ->
                                run(
                                        MiniRun.ragged("{'loss':{'grounding':0.5}}"),
                                        "run",
                                        false,
                                        RaggedSource.of(3),
                                        false))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("loss.grounding: expected 0 for a model of any resolution");
    }
}
