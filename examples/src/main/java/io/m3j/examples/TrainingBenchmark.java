package io.m3j.examples;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.ModelShape;
import io.m3j.train.FivePassStep;
import io.m3j.train.LossOptions;
import io.m3j.train.Part;
import io.m3j.train.StepOptions;
import io.m3j.train.TrainableModel;
import io.m3j.train.TrainingBatch;
import io.m3j.train.TrainingStep;
import io.m3j.train.data.Example;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;

/**
 * One training step of ours beside the authors' five passes of the whole model: the same model, batch
 * and process, taken in turns.
 */
final class TrainingBenchmark {

    private static final long SEED = 1;
    private static final int WORDS = 64;
    private static final int ANSWER = 16;
    private static final int SLOT = 32;

    private final ModelShape shape;
    private final StepOptions options;
    private final int batch;
    private final int rounds;

    /**
     * @param shape of the model, which is random
     * @param options how a step is computed
     * @param batch examples of a step, one picture each
     * @param rounds that each form is timed
     */
    TrainingBenchmark(ModelShape shape, StepOptions options, int batch, int rounds) {
        this.shape = shape;
        this.options = options;
        this.batch = batch;
        this.rounds = rounds;
    }

    /** Median time of a step, and the most memory above what the model itself takes. */
    private record Measured(double milliseconds, double mebibytes, double loss) {}

    /**
     * What was measured.
     *
     * @param shape of the model
     * @param batch examples of a step
     * @param parameters that learn
     * @param once tower and projector once
     * @param five all of the model for each scale
     */
    record Result(ModelShape shape, int batch, long parameters, Measured once, Measured five) {

        ObjectNode json() {
            ObjectNode json = Json.object();
            json.put("shape", shape.label()).put("batch", batch).put("parameters", parameters);
            json.set("one_pass", json(once));
            json.set("five_passes", json(five));
            json.put("speedup", five.milliseconds() / once.milliseconds());
            json.put("memory_share", once.mebibytes() / five.mebibytes());
            return json;
        }

        private static ObjectNode json(Measured one) {
            return Json.object()
                    .put("step_ms", one.milliseconds())
                    .put("peak_mb", one.mebibytes())
                    .put("loss", one.loss());
        }

        String text() {
            return String.format(
                    Locale.ROOT,
                    "%s, %d parameters, tower trained, batch of %d, five scales%n"
                            + "one pass of the tower     %9.0f ms %9.0f MiB   loss %.4f%n"
                            + "five passes of the whole  %9.0f ms %9.0f MiB   loss %.4f%n"
                            + "%.2f times as fast, %.0f %% of the memory%n",
                    shape.label(),
                    parameters,
                    batch,
                    once.milliseconds(),
                    once.mebibytes(),
                    once.loss(),
                    five.milliseconds(),
                    five.mebibytes(),
                    five.loss(),
                    five.milliseconds() / once.milliseconds(),
                    100 * once.mebibytes() / five.mebibytes());
        }
    }

    /**
     * Measures.
     *
     * @param progress is told
     * @return the result
     */
    Result run(Progress progress) {
        try {
            Path directory = Files.createTempDirectory("m3-bench");
            try {
                new CheckpointConfig(shape, SEED).write(directory);
                try (TrainableModel model = TrainableModel.random(directory, SEED, Device.cpu())) {
                    return run(model, progress);
                }
            } finally {
                try (Stream<Path> files = Files.list(directory)) {
                    for (Path file : files.toList()) {
                        Files.delete(file);
                    }
                }
                Files.delete(directory);
            }
        } catch (IOException e) {
            throw new M3Exception("bench: no temporary directory (" + e + ")", e);
        }
    }

    private Result run(TrainableModel model, Progress progress) {
        List<Scale> scales = model.ladder().scales();
        TrainingBatch examples = examples(model);
        TrainingStep once = new TrainingStep(model, options);
        FivePassStep five = new FivePassStep(model, options);
        LossOptions loss = LossOptions.mean(scales);
        int total = 2 * (rounds + 1);
        Measured first =
                measured(
                        model,
                        () -> once.accumulate(examples, loss, 1, 0).loss(),
                        progress,
                        0,
                        total);
        Measured second =
                measured(
                        model,
                        () -> five.accumulate(examples, scales),
                        progress,
                        rounds + 1,
                        total);
        long parameters =
                model.parameters().entrySet().stream()
                        .filter(entry -> model.learns(Part.of(entry.getKey())))
                        .mapToLong(entry -> entry.getValue().getShape().size())
                        .sum();
        return new Result(shape, batch, parameters, first, second);
    }

    private Measured measured(
            TrainableModel model, DoubleSupplier step, Progress progress, int done, int total) {
        double[] times = new double[rounds];
        double loss = 0;
        model.zeroGradients(); // which are at rest already
        double before = ProcessMemory.now().map(ProcessMemory::resident).orElse(Double.NaN);
        try (MemoryWatch watch = new MemoryWatch()) {
            for (int i = -1; i < rounds; i++) {
                progress.show(done + i + 1, total);
                model.zeroGradients();
                long start = System.nanoTime();
                loss = step.getAsDouble();
                if (i >= 0) {
                    times[i] = (System.nanoTime() - start) / 1e6;
                }
            }
            Arrays.sort(times);
            double peak = watch.seen().peak().orElse(Double.NaN);
            return new Measured(times[rounds / 2], peak - before, loss);
        }
    }

    private TrainingBatch examples(TrainableModel model) {
        Random random = new Random(SEED);
        int side = model.vision().imageSize();
        M3Image image = M3Image.ofRgb(side, side, new byte[3 * side * side]);
        List<Example> examples = new ArrayList<>();
        List<float[]> pixels = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            long[] ids =
                    random.longs(WORDS, 3, model.config().decoder().vocabularySize()).toArray();
            ids[SLOT] = M3Tokenizer.IMAGE_ID;
            long[] labels = new long[WORDS];
            Arrays.fill(labels, 0, WORDS - ANSWER, Example.IGNORED);
            System.arraycopy(ids, WORDS - ANSWER, labels, WORDS - ANSWER, ANSWER);
            examples.add(new Example("example " + i, ids, labels, List.of(image)));
            float[] numbers = new float[3 * side * side];
            for (int j = 0; j < numbers.length; j++) {
                numbers[j] = (float) random.nextGaussian();
            }
            pixels.add(numbers);
        }
        return new TrainingBatch(examples, pixels);
    }
}
