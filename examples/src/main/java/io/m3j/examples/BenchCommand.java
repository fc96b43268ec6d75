package io.m3j.examples;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Limits;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.ModelShape;
import io.m3j.llm.RandomCheckpoint;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
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
                    + " to the first token by scale, and the most memory that was in use."
        })
final class BenchCommand implements Callable<Integer> {

    private static final long SEED = 1;
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
                    "With --random: write that model too, so that it can be opened with --model."
                            + " The directory must hold no weights yet.")
    private Path writeRandom;

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
                        "Random weights of a known shape: llava-1.5-7b, tinyllama-1.1b or m3j-tiny.")
        private String shape;
    }

    /** All that is printed. */
    private record Report(
            String model,
            String precision,
            Device device,
            Limits limits,
            double open,
            ModelBenchmark.Result times,
            OptionalDouble peakMemory) {

        List<Scale> scales() {
            return List.copyOf(times.prefill().keySet());
        }

        Scale finest() {
            return scales().get(scales().size() - 1);
        }
    }

    BenchCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        if (writeRandom != null && source.shape == null) {
            throw new ParameterException(spec.commandLine(), "--write-random needs --random SHAPE");
        }
        LoadOptions.Builder options = modelOptions.loadOptions();
        M3Image picture = M3Image.of(Home.picture());
        if (writeRandom != null) {
            write(shape());
        }
        Report report = measure(options, picture);
        terminal.out().print(json ? Json.line(object(report)) + "\n" : text(report));
        return 0;
    }

    private ModelShape shape() {
        return Refusals.naming("--random", "shape", () -> ModelShape.of(source.shape));
    }

    private void write(ModelShape shape) {
        SafetensorsWriter writer = new SafetensorsWriter();
        try (RandomCheckpoint checkpoint = new RandomCheckpoint(shape.config(), SEED)) {
            checkpoint
                    .names()
                    .forEach(name -> writer.add(checkpoint.info(name), () -> checkpoint.get(name)));
            writer.writeDirectory(writeRandom, LARGEST_SHARD);
            new CheckpointConfig(shape, SEED).write(writeRandom);
        } catch (IOException e) {
            throw new M3Exception("--write-random " + writeRandom + ": cannot be written: " + e, e);
        }
    }

    private Report measure(LoadOptions.Builder options, M3Image picture) {
        long start = System.nanoTime();
        double open;
        ModelBenchmark.Result times;
        OptionalDouble peakMemory;
        Device device;
        try (M3Model model = open(options);
                Progress progress = new Progress(terminal, "measuring")) {
            open = (System.nanoTime() - start) / 1e6;
            times = new ModelBenchmark(model, picture).run(progress);
            peakMemory = PeakMemory.mebibytes();
            device = model.device();
        }
        // Only now: the model's peak of memory is not to hold the gibibyte that this takes.
        LoadOptions loaded = options.build();
        Limits limits = Limits.measure(device, loaded.precision());
        String name = source.shape == null ? source.model.toString() : "random " + source.shape;
        String precision = loaded.precision().label();
        return new Report(name, precision, device, limits, open, times, peakMemory);
    }

    private M3Model open(LoadOptions.Builder options) {
        if (source.shape == null) {
            return ModelOptions.load(source.model, options, terminal);
        }
        ModelShape shape = shape();
        try (Progress progress = new Progress(terminal, "loading")) {
            LoadOptions inMemory = options.mapped(false).progress(progress::show).build();
            return M3Model.random(shape, SEED, inMemory);
        }
    }

    private static ObjectNode object(Report report) {
        ObjectNode object = Json.object();
        object.put("model", report.model()).put("precision", report.precision());
        object.put("device", Devices.label(report.device()));
        object.putObject("limits")
                .put("gemm_gflops", report.limits().gemmGflops())
                .put("read_gbs", report.limits().readGigabytes());
        ModelBenchmark.Result times = report.times();
        object.put("open_ms", report.open()).put("encode_ms", times.encode());
        ObjectNode prefill = object.putObject("prefill_ms");
        for (Scale scale : report.scales()) {
            String positions = Integer.toString(ModelBenchmark.Result.positions(scale));
            prefill.put(positions, times.prefill().get(scale));
        }
        int positions = ModelBenchmark.Result.positions(report.finest());
        object.put("decode_ms_at_" + positions, times.furtherToken());
        ObjectNode first = object.putObject("ttft_ms");
        for (Scale scale : report.scales()) {
            first.put(scale.toString(), times.timeToFirstToken(scale));
        }
        if (report.peakMemory().isPresent()) {
            object.put("peak_rss_mb", report.peakMemory().getAsDouble());
        } else {
            object.putNull("peak_rss_mb");
        }
        return object;
    }

    private static String text(Report report) {
        StringBuilder text = new StringBuilder();
        ModelBenchmark.Result times = report.times();
        row(text, "model", Printable.line(report.model()) + ", " + report.precision());
        row(text, "device", Devices.label(report.device()));
        row(text, "matrix product", number(report.limits().gemmGflops(), "GFLOPS at best"));
        row(text, "reading weights", number(report.limits().readGigabytes(), "GB/s at best"));
        row(text, "opening", number(report.open(), "ms"));
        row(text, "encoding", number(times.encode(), "ms"));
        for (Scale scale : report.scales()) {
            row(
                    text,
                    "at scale " + scale,
                    number(times.prefill().get(scale), "ms prefill, ")
                            + number(times.timeToFirstToken(scale), "ms to the first token"));
        }
        row(text, "further token", number(times.furtherToken(), "ms at scale " + report.finest()));
        report.peakMemory().ifPresent(peak -> row(text, "memory", number(peak, "MiB at most")));
        return text.toString();
    }

    private static void row(StringBuilder text, String name, String value) {
        text.append(String.format(Locale.ROOT, "%-16s %s%n", name, value));
    }

    private static String number(double value, String unit) {
        return String.format(Locale.ROOT, "%,.1f %s", value, unit);
    }
}
