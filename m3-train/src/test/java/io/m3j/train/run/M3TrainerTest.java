package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.DurableFiles;
import io.m3j.core.ForcedFiles;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.weights.Checkpoint;
import io.m3j.llm.M3Config;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.RunReport.End;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class M3TrainerTest {

    private static final ExampleSource DATA = MiniSource.of(11);

    @TempDir private Path directory;

    private RunReport run(
            Recipe recipe, String name, boolean resume, ExampleSource data, Told told) {
        return MiniRun.run(recipe, directory.resolve(name), resume, data, told);
    }

    private RunReport run(Recipe recipe, String name) {
        return run(recipe, name, false, DATA, new Told(0));
    }

    private static Recipe with(String json) {
        return MiniRun.nested(MiniRun.recipe(json));
    }

    @Test
    void aRunStoppedBehindEveryStepEqualsOneThatWasNot() throws IOException {
        Recipe recipe =
                with( // one example a step: some resumed steps have no picture, and no gradient of
                        // the tower
                        "{'batch':{'size':1},'loss':{'mode':'one_random_scale'},"
                                + "'curriculum':[{'until_step':4,'scales':[9]},"
                                + "{'until_step':7,'scales':[1,9],'data':[{'scenes':{'count':2}}]}],"
                                + "'evaluation':{'every_steps':3,"
                                + "'data':[{'scenes':{'count':1}}]}}");
        RunReport whole = run(recipe, "whole");
        assertThat(whole.end()).isEqualTo(End.FINISHED);
        assertThat(whole.model()).contains(directory.resolve("whole/model"));
        for (int step = 1; step <= 12; step++) {
            Told told = new Told(1);
            RunReport part = run(recipe, "parts", step > 1, DATA, told);
            assertThat(part.steps()).isEqualTo(step);
            assertThat(part.end()).isEqualTo(step < 12 ? End.INTERRUPTED : End.FINISHED);
            assertThat(told.steps).hasSize(1);
        }
        Path whole1 = directory.resolve("whole");
        Path parts = directory.resolve("parts");
        assertThat(MiniRun.metrics(parts)).isEqualTo(MiniRun.metrics(whole1));
        assertThat(MiniRun.weights(parts)).isEqualTo(MiniRun.weights(whole1));
        assertThat(MiniRun.JSON.readTree(parts.resolve("provenance.json").toFile()).get("sessions"))
                .hasSize(12);
    }

    @Test
    void metricsSayEachStep() throws IOException {
        run(with("{'steps':2}"), "run");
        List<String> lines = Files.readAllLines(directory.resolve("run/metrics.jsonl"));
        assertThat(lines).hasSize(2);
        JsonNode first = MiniRun.JSON.readTree(lines.get(0));
        assertThat(first.get("step").asInt()).isEqualTo(1);
        assertThat(first.get("loss_by_scale").properties())
                .extracting(Map.Entry::getKey)
                .containsExactly("1", "9");
        double mean =
                (first.at("/loss_by_scale/1").asDouble() + first.at("/loss_by_scale/9").asDouble())
                        / 2;
        assertThat(first.get("loss").asDouble()).isCloseTo(mean, within(1e-6));
        assertThat(first.get("gradient_norm").asDouble()).isPositive();
        assertThat(first.at("/learning_rate/decoder").asDouble()).isZero();
        assertThat(MiniRun.JSON.readTree(lines.get(1)).at("/learning_rate/tower").asDouble())
                .isEqualTo(0.0005);
        assertThat(first.get("examples").asInt()).isEqualTo(4);
        assertThat(first.get("tokens").asInt()).isPositive();
        assertThat(first.get("tokens_per_second").asDouble()).isPositive();
        assertThat(Files.size(directory.resolve("run/curves.png"))).isPositive();
    }

    @Test
    void aFrozenPartStaysAsItWas() throws IOException {
        run(with("{'steps':3,'freeze':['tower']}"), "run");
        run(with("{'steps':3}"), "other");
        String tower = "model.vision_tower.vision_tower.vision_model.embeddings.class_embedding";
        Path base = Golden.checkpoint("llava-m3");
        assertThat(tensor(directory.resolve("run/model"), tower)).isEqualTo(tensor(base, tower));
        assertThat(tensor(directory.resolve("other/model"), tower))
                .isNotEqualTo(tensor(base, tower));
        String head = "lm_head.weight";
        assertThat(tensor(directory.resolve("run/model"), head)).isNotEqualTo(tensor(base, head));
    }

    private static ByteBuffer tensor(Path checkpoint, String name) {
        try (Checkpoint open = Checkpoint.open(checkpoint)) {
            return open.get(name).data();
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS) // which lets no directory be forced
    void allFilesOfTheModelAreOnTheDiskBeforeItHasItsName() throws IOException {
        Path model = directory.resolve("run/model");
        List<Path> forced;
        try (ForcedFiles files = new ForcedFiles()) {
            run(with("{'steps':1}"), "run");
            forced = files.paths();
        }
        Path beside = directory.resolve("run/" + DurableFiles.UNFINISHED + "model");
        try (Stream<Path> published = Files.list(model)) {
            assertThat(forced)
                    .containsAll(published.map(file -> beside.resolve(file.getFileName())).toList())
                    .contains(beside)
                    .endsWith(directory.resolve("run"));
        }
    }

    @Test
    void theModelSaysWithWhichTokensItWasTrained() throws IOException {
        run(with("{'steps':1,'pooling':'spatial'}"), "run");
        Path model = directory.resolve("run/model");
        JsonNode config = MiniRun.JSON.readTree(model.resolve("config.json").toFile());
        assertThat(config.get(PublishedModel.POOLING_KEY).asText()).isEqualTo("spatial");
        assertThat(M3Config.read(model).scales()).containsExactly(1, 9);
    }

    @Test
    void scalesWhoseStageTheRunDidNotReachAreNotNamed() {
        run(with("{'steps':1,'curriculum':[{'until_step':2,'scales':[9]}]}"), "run");
        assertThat(M3Config.read(directory.resolve("run/model")).scales()).containsExactly(9);
    }

    @Test
    void theCurriculumsScalesAreTrained() {
        Told told = new Told(0);
        Recipe recipe = with("{'steps':3,'curriculum':[{'until_step':2,'scales':[1]}]}");
        run(recipe, "run", false, DATA, told);
        assertThat(told.steps)
                .extracting(step -> step.lossByScale().keySet())
                .containsExactly(
                        Set.of(Scale.of(1)), Set.of(Scale.of(1)), Set.of(Scale.of(1), Scale.of(9)));
    }

    @Test
    void aRunThatGetsNoBetterEndsWithItsBestModel() throws IOException {
        // So high a rate makes every evaluation behind the first step's (rate 0) worse.
        Recipe recipe =
                with(
                        "{'steps':20,'optimizer':{'learning_rate':5},"
                                + "'checkpoints':{'every_steps':1,'keep':1},"
                                + "'schedule':{'kind':'constant','warm_up_steps':1},"
                                + "'evaluation':{'every_steps':1,'data':[{'scenes':{'count':1}}],"
                                + "'early_stopping':{'metric':'loss.9','patience':2}}}");
        RunReport report = run(recipe, "run");
        assertThat(report.end()).isEqualTo(End.STOPPED_EARLY);
        assertThat(report.steps()).isEqualTo(3);
        Path base = Golden.checkpoint("llava-m3");
        assertThat(tensor(directory.resolve("run/model"), "lm_head.weight"))
                .isEqualTo(tensor(base, "lm_head.weight"));
        RunReport again = run(recipe, "run", true, DATA, new Told(0));
        assertThat(again.end()).isEqualTo(End.STOPPED_EARLY);
        assertThat(again.steps()).isEqualTo(3);
    }

    @Test
    void aBestModelThatTheDiskBrokeIsNotPublished() {
        Recipe recipe =
                with(
                        "{'steps':20,'optimizer':{'learning_rate':5},"
                                + "'schedule':{'kind':'constant','warm_up_steps':1},"
                                + "'evaluation':{'every_steps':1,'data':[{'scenes':{'count':1}}],"
                                + "'early_stopping':{'patience':2}}}");
        TrainingListener breaking =
                new TrainingListener() {
                    @Override
                    public void stepped(Step step) {
                        if (step.step() == 3) {
                            turnABit("run/checkpoints/step-0000000001/weights.safetensors");
                        }
                    }
                };
        try (M3Trainer trainer =
                MiniRun.open(recipe, directory.resolve("run"), false, DATA, breaking)) {
            assertThatThrownBy(trainer::run)
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(
                            "step-0000000001: weights.safetensors should have CRC-32C");
        }
        assertThat(directory.resolve("run/model")).doesNotExist();
    }

    private void turnABit(String name) {
        try {
            Path file = directory.resolve(name);
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 1] ^= 1;
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void evaluationsOfACurriculumDoNotCountTowardsPatience() throws IOException {
        // Every evaluation behind the first is worse; the stage lasts for longer than the patience.
        Recipe recipe =
                with(
                        "{'steps':20,'optimizer':{'learning_rate':5},"
                                + "'curriculum':[{'until_step':5,'scales':[1]}],"
                                + "'schedule':{'kind':'constant','warm_up_steps':1},"
                                + "'evaluation':{'every_steps':1,'data':[{'scenes':{'count':1}}],"
                                + "'early_stopping':{'patience':2}}}");
        RunReport report = run(recipe, "run");
        assertThat(report.steps()).isBetween(8L, 20L); // 5 of the stage, one best, two worse
        String state =
                Files.readString(
                        MiniRun.newestCheckpoint(directory.resolve("run"))
                                .orElseThrow()
                                .resolve(RunState.FILE));
        assertThat(MiniRun.JSON.readTree(state).get("best_step").asLong())
                .isGreaterThanOrEqualTo(6);
    }

    @Test
    void aMetricOfAScaleThatTheModelDoesNotHaveIsRefusedBeforeTheFirstStep() {
        ObjectNode json = MiniRun.recipe();
        json.remove("scales");
        json.putObject("evaluation")
                .put("every_steps", 12)
                .put("examples", 1)
                .putObject("early_stopping")
                .put("metric", "loss.4")
                .put("patience", 1);
        json.withObject("/evaluation")
                .putArray("data")
                .addObject()
                .putObject("scenes")
                .put("count", 1);
        Recipe recipe = Recipe.of("recipe", json, Golden.checkpoint("llava-m3"));
        Told told = new Told(0);
        assertThatThrownBy(() -> run(recipe, "run", false, DATA, told))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(
                        "early_stopping, metric: expected one of loss, loss.1, loss.9")
                .hasMessageContaining("found loss.4");
        assertThat(told.steps).isEmpty();
    }

    @Test
    void anExampleThatCannotBeReadEndsTheRunAndKeepsWhatWasLearnt() {
        ExampleSource data = new MiniSource(11, Set.of(4), Set.of());
        Told told = new Told(0);
        assertThatThrownBy(() -> run(with("{}"), "run", false, data, told))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("picture 4.png is missing")
                .hasMessageContaining("faults.bad_example");
        assertThat(MiniRun.newestCheckpoint(directory.resolve("run")))
                .contains(
                        new CheckpointStore(directory.resolve("run/checkpoints"))
                                .place(told.steps.size()));
        Told skipping = new Told(0);
        RunReport report =
                run(with("{'faults':{'bad_example':'skip'}}"), "run", true, data, skipping);
        assertThat(report.end()).isEqualTo(End.FINISHED);
        assertThat(report.skippedExamples()).isPositive();
        assertThat(skipping.said).anyMatch(said -> said.startsWith("skipped: picture 4"));
    }

    @Test
    void whateverElseFailsWhileLoadingKeepsWhatWasLearnt() {
        ExampleSource failing = new FailingSource(MiniSource.of(11), new AtomicInteger(8));
        Told told = new Told(0);
        Recipe recipe = with("{'checkpoints':{'every_steps':100}}");
        assertThatThrownBy(() -> run(recipe, "run", false, failing, told))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("stale file handle");
        assertThat(told.steps).isNotEmpty();
        assertThat(MiniRun.newestCheckpoint(directory.resolve("run")))
                .contains(
                        new CheckpointStore(directory.resolve("run/checkpoints"))
                                .place(told.steps.size()));
    }

    /** Fails when so many examples were taken, by what is no fault of the data. */
    private record FailingSource(ExampleSource source, AtomicInteger left)
            implements ExampleSource {

        @Override
        public int size() {
            return source.size();
        }

        @Override
        public Example get(int index) {
            if (left.getAndDecrement() <= 0) {
                throw new UncheckedIOException(new IOException("stale file handle"));
            }
            return source.get(index);
        }

        @Override
        public int length(int index) {
            return source.length(index);
        }

        @Override
        public String fingerprint() {
            return source.fingerprint();
        }
    }

    @Test
    void aLossThatIsNoNumberKeepsWhatWasLearnt() {
        Told told = new Told(0);
        Recipe recipe = with(WILD.replace("}}", "},'checkpoints':{'every_steps':100}}"));
        assertThatThrownBy(() -> run(recipe, "run", false, DATA, told))
                .hasMessageContaining("expected a number");
        assertThat(told.steps).isNotEmpty();
        assertThat(MiniRun.newestCheckpoint(directory.resolve("run")))
                .contains(
                        new CheckpointStore(directory.resolve("run/checkpoints"))
                                .place(told.steps.size()));
    }

    @Test
    void examplesWithoutALabelAreNamed() {
        ExampleSource data = new MiniSource(11, Set.of(), Set.of(0, 1, 2, 3, 4, 5, 6));
        assertThatThrownBy(() -> run(with("{}"), "run", false, data, new Told(0)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("no id is labelled")
                .hasMessageContaining("prompt template");
    }

    @Test
    void whatTheLengthCutsOffIsNamed() {
        assertThatThrownBy(() -> run(with("{'max_length':4}"), "run"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("within the first 4 places at scale 9");
    }

    @Test
    void aLengthBeyondTheModelsPositionsIsRefused() {
        assertThatThrownBy(() -> run(with("{'max_length':4097}"), "run"))
                .isInstanceOf(M3Exception.class)
                .hasMessageStartingWith(
                        "max_length: expected at most the model's 4096 positions, found 4097");
    }

    @Test
    void tooManySkippedExamplesEndTheRun() {
        ExampleSource data = new MiniSource(11, Set.of(0, 1, 2, 3, 4, 5, 6, 7, 8), Set.of());
        assertThatThrownBy(
                        () ->
                                run(
                                        with("{'faults':{'bad_example':'skip','limit':3}}"),
                                        "run",
                                        false,
                                        data,
                                        new Told(0)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("faults.limit: expected at most 3 skipped examples, found 4");
    }

    @Test
    void aStepWithoutExamplesIsCountedAndChangesNothing() throws IOException {
        ExampleSource data = new MiniSource(11, Set.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), Set.of());
        RunReport report =
                run(
                        with("{'steps':3,'faults':{'bad_example':'skip'}}"),
                        "run",
                        false,
                        data,
                        new Told(0));
        assertThat(report.skippedSteps()).isEqualTo(3);
        assertThat(report.skippedExamples()).isEqualTo(11);
        Path base = Golden.checkpoint("llava-m3");
        assertThat(tensor(directory.resolve("run/model"), "lm_head.weight"))
                .isEqualTo(tensor(base, "lm_head.weight"));
    }

    @Test
    void aBatchWithoutExamplesDoesNotMakeTheStepSmaller() {
        ExampleSource data = new MiniSource(2, Set.of(0), Set.of());
        String skip = "'faults':{'bad_example':'skip'},";
        Told alone = new Told(0);
        run(with("{" + skip + "'steps':2,'batch':{'size':1}}"), "alone", false, data, alone);
        Told beside = new Told(0);
        run(
                with("{" + skip + "'steps':1,'batch':{'size':1,'accumulation':2}}"),
                "beside",
                false,
                data,
                beside);
        assertThat(alone.steps).hasSize(1);
        assertThat(beside.steps).hasSize(1);
        assertThat(beside.steps.get(0).gradientNorm())
                .isCloseTo(alone.steps.get(0).gradientNorm(), withinPercentage(1e-4));
    }

    @Test
    void aLossThatIsNoNumberEndsTheRunBeforeTheStep() {
        Recipe recipe = with(WILD);
        Told told = new Told(0);
        assertThatThrownBy(() -> run(recipe, "run", false, DATA, told))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("step " + (told.steps.size() + 1))
                .hasMessageContaining("expected a number")
                .hasMessageContaining("faults.non_finite_loss");
    }

    @Test
    void orIsSkippedAndCounted() throws IOException {
        Recipe recipe = with(WILD.replace("}}", "},'faults':{'non_finite_loss':'skip'}}"));
        RunReport report = run(recipe, "run");
        assertThat(report.end()).isEqualTo(End.FINISHED);
        assertThat(report.skippedSteps()).isPositive();
        assertThat(Files.readString(directory.resolve("run/metrics.jsonl")))
                .contains("\"skipped\":true");
    }

    /** Weights of 1e30 and more: their products are no numbers. */
    private static final String WILD =
            "{'optimizer':{'learning_rate':1e30},'schedule':{'kind':'constant'}}";
}
