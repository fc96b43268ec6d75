package io.m3j.examples;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Limits;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.TorchRuntime;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.examples.ModelBenchmark.Repeats;
import io.m3j.llm.AvailableMemory;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.ModelShape;
import io.m3j.llm.ModelWork;
import io.m3j.llm.RandomCheckpoint;
import io.m3j.train.StepOptions;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What a model takes on this machine, beside what the machine can do at best. */
@Command(
        name = "bench",
        description = {
            "Measure what a model takes on this machine, beside what the machine can do at best.",
            "Medians for one picture and 64 ids: opening, encoding, prefill, one further token, time"
                    + " to the first token by scale, and the most memory that was in use; and how much"
                    + " of the machine's limits that is, measured before and after the model."
        })
final class BenchCommand implements Callable<Integer> {

    private static final long SEED = 1;
    private static final int LONGEST = 2048;
    private static final int TRAINING_ROUNDS = 5;
    private static final long LARGEST_SHARD = 4L << 30;

    private final Terminal terminal;

    @Spec private CommandSpec spec;
    @Mixin private CommonOptions common;
    @Mixin private ModelOptions modelOptions;

    @ArgGroup(multiplicity = "1")
    private Source source;

    @Option(
            names = "--write-random",
            paramLabel = "DIR",
            description =
                    "With --random: write that model, in bfloat16, and measure what was written, so"
                            + " that it can be opened with --model from then on. The directory must"
                            + " hold no weights yet.")
    private Path writeRandom;

    @Option(
            names = "--only",
            paramLabel = "PARTS",
            split = ",",
            description =
                    "Measure only some of limits, encode, prefill and decode, such as"
                            + " prefill,decode. Opening and memory come with each.")
    private List<String> only;

    @Option(
            names = "--quick",
            description = "Fewer rounds, and the machine's limits only afterwards.")
    private boolean quick;

    @Option(
            names = "--train",
            description =
                    "With --random: measure a training step instead, beside the five passes of the"
                            + " whole model that it replaces.")
    private boolean train;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "With --train: examples of a step; default 1.")
    private Integer batch;

    @Option(
            names = "--json",
            description = "Print one object; times are in milliseconds, memory is in MiB.")
    private boolean json;

    /** One of the two. */
    private static final class Source {
        @Option(
                names = "--model",
                paramLabel = "DIR",
                description = "Checkpoint: a directory with config.json and the weights.")
        private Path model;

        @Option(
                names = "--random",
                paramLabel = "SHAPE",
                description =
                        "Random weights of a known shape: llava-1.5-7b, tinyllama-1.1b,"
                                + " clip-l-small or m3j-tiny.")
        private String shape;
    }

    /**
     * A model before its first pass.
     *
     * @param model to be closed by whoever gets it
     * @param milliseconds that opening took
     * @param most memory that was in use
     * @param after what is in use now
     */
    private record Opened(
            M3Model model,
            double milliseconds,
            MemoryWatch.Seen most,
            Optional<ProcessMemory> after) {}

    BenchCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        if (writeRandom != null && source.shape == null) {
            throw new ParameterException(spec.commandLine(), "--write-random needs --random SHAPE");
        }
        if (batch != null && (!train || batch < 1)) {
            throw new ParameterException(
                    spec.commandLine(), "--batch: expected 1 or more, together with --train");
        }
        if (train) {
            return train();
        }
        Set<BenchPart> parts = BenchPart.of(only);
        LoadOptions.Builder options = modelOptions.loadOptions();
        M3Image picture = M3Image.of(Home.picture());
        if (writeRandom != null) {
            write(shape());
        }
        BenchReport report = measure(options, picture, parts);
        terminal.out().print(json ? Json.line(BenchJson.of(report)) + "\n" : BenchTable.of(report));
        return 0;
    }

    private int train() {
        if (source.shape == null || writeRandom != null || only != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--train needs --random SHAPE, and goes with neither --only nor --write-random");
        }
        FloatType type =
                modelOptions.precision().equals(Optional.of(Precision.BFLOAT16))
                        ? FloatType.BFLOAT16
                        : FloatType.FLOAT32;
        StepOptions step = new StepOptions(Pooling.AVERAGE, type, 0, LONGEST);
        try (Progress progress = new Progress(terminal, "measuring")) {
            TrainingBenchmark benchmark =
                    new TrainingBenchmark(
                            shape(), step, batch == null ? 1 : batch, quick ? 1 : TRAINING_ROUNDS);
            TrainingBenchmark.Result result = benchmark.run(progress);
            terminal.out().print(json ? Json.line(result.json()) + "\n" : result.text());
        }
        return 0;
    }

    private ModelShape shape() {
        return Refusals.naming("--random", "shape", () -> ModelShape.of(source.shape));
    }

    private void write(ModelShape shape) {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (RandomCheckpoint checkpoint = new RandomCheckpoint(shape.config(), SEED);
                Progress progress = new Progress(terminal, "writing")) {
            int total = checkpoint.names().size();
            AtomicInteger written = new AtomicInteger();
            for (String name : checkpoint.names()) {
                writer.add(
                        checkpoint.info(name),
                        () -> {
                            progress.show(written.getAndIncrement(), total);
                            return checkpoint.get(name);
                        });
            }
            writer.writeDirectory(writeRandom, LARGEST_SHARD);
            new CheckpointConfig(shape, SEED).write(writeRandom);
        } catch (IOException e) {
            throw new M3Exception("--write-random " + writeRandom + ": cannot be written: " + e, e);
        }
    }

    private BenchReport measure(
            LoadOptions.Builder options, M3Image picture, Set<BenchPart> parts) {
        boolean limited = parts.contains(BenchPart.LIMITS);
        boolean twice = limited && !quick;
        Opened opened = opened(options);
        Device device;
        Precision precision;
        Optional<Limits> before;
        ModelBenchmark.Result times;
        MemoryWatch.Seen most;
        ModelWork work;
        List<Scale> scales;
        try (M3Model model = opened.model()) {
            device = model.device();
            precision = model.precision().precision();
            before =
                    twice && roomForLimits()
                            ? Optional.of(MeasuredLimits.measure(device, precision))
                            : Optional.empty();
            try (MemoryWatch watch = new MemoryWatch();
                    Progress progress = new Progress(terminal, "measuring")) {
                Repeats repeats = quick ? Repeats.QUICK : Repeats.FULL;
                times = new ModelBenchmark(model, picture, parts, repeats).run(progress);
                most = MemoryWatch.Seen.higher(opened.most(), watch.seen());
            }
            work = new ModelWork(model.config(), model.encoder().tower().config());
            scales = model.ladder().scales();
        }
        return new BenchReport(
                name(),
                precision,
                Devices.label(device),
                TorchRuntime.current(),
                limited
                        ? Optional.of(
                                new MeasuredLimits(
                                        before,
                                        MeasuredLimits.measure(device, precision),
                                        precision))
                        : Optional.empty(),
                scales,
                opened.milliseconds(),
                times,
                work,
                new BenchReport.Memory(opened.after(), most, MemoryWatch.Heap.now()));
    }

    private Opened opened(LoadOptions.Builder options) {
        try (MemoryWatch watch = new MemoryWatch()) {
            long start = System.nanoTime();
            M3Model model = open(options);
            double milliseconds = (System.nanoTime() - start) / 1e6;
            return new Opened(model, milliseconds, watch.seen(), ProcessMemory.now());
        }
    }

    /** Twice what they take: the model is to find room as well. */
    private static boolean roomForLimits() {
        return AvailableMemory.bytes(Device.cpu()) > 2 * Limits.BYTES;
    }

    private String name() {
        if (writeRandom != null) {
            return writeRandom.toString();
        }
        return source.shape == null ? source.model.toString() : "random " + source.shape;
    }

    /** What was written is opened as it would be from then on, in place. */
    private M3Model open(LoadOptions.Builder options) {
        if (source.shape == null || writeRandom != null) {
            return ModelOptions.load(
                    writeRandom == null ? source.model : writeRandom, options, terminal);
        }
        ModelShape shape = shape();
        try (Progress progress = new Progress(terminal, "loading")) {
            LoadOptions inMemory = options.mapped(false).progress(progress::show).build();
            return M3Model.random(shape, SEED, inMemory);
        }
    }
}
