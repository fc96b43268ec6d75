package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.Devices;
import io.m3j.eval.AnswerFiles;
import io.m3j.eval.Benchmark;
import io.m3j.eval.Evaluation;
import io.m3j.eval.EvaluationReport;
import io.m3j.eval.Fingerprint;
import io.m3j.eval.ModelAnswerer;
import io.m3j.eval.Question;
import io.m3j.eval.ReportComparison;
import io.m3j.eval.ReportPlot;
import io.m3j.eval.ReportTable;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Asks a benchmark's questions at every scale. */
@Command(
        name = "eval",
        description = {
            "Ask a benchmark's questions at every scale, and report how many answers are right.",
            "Writes answers, report.json and accuracy.png into a directory, and prints the report as a"
                    + " Markdown table. Run again after it was ended, it goes on where it was."
        })
final class EvalCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private ModelOptions modelOptions;
    @Mixin private PromptOptions promptOptions;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description =
                    "Checkpoint: a directory with config.json, the weights and the tokenizer."
                            + " Default: m3j-tiny, the small one that comes with m3.")
    private Path model;

    @Option(
            names = "--benchmark",
            paramLabel = "NAME",
            required = true,
            description = "Which one: scenes.")
    private String benchmarkName;

    @Option(
            names = "--questions",
            paramLabel = "PATH",
            required = true,
            description =
                    "File of questions, with the answers beside it, or the directory that holds them:"
                            + " of scenes questions.jsonl and answers.jsonl.")
    private Path questions;

    @Option(
            names = "--images",
            paramLabel = "DIR",
            description = "Pictures. Default: images beside the questions.")
    private Path images;

    @Option(
            names = "--tokens",
            paramLabel = "LIST",
            converter = ScaleList.Converter.class,
            description =
                    "Scales between commas: visual tokens an image (1, 9, 36, 144, 576). Default: all"
                            + " of the model. 'auto' is not built yet.")
    private ScaleList tokens;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory for answers and report; made if it is not there.")
    private Path out;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description =
                    "Tokens after which an answer ends. Default: the benchmark's, 16 of scenes.")
    private Integer maxNewTokens;

    @Option(
            names = "--blank",
            description =
                    "Ask about a grey picture in place of each: what the questions tell by themselves.")
    private boolean blank;

    @Option(names = "--limit", paramLabel = "N", description = "Ask the first N questions alone.")
    private Integer limit;

    @Option(
            names = "--pooling",
            paramLabel = "KIND",
            defaultValue = "average",
            description =
                    "How the finest scale becomes the coarser ones: average (M3), or to compare,"
                            + " spatial (one token out of each cell) or sequential (the first tokens)."
                            + " Default: ${DEFAULT-VALUE}.")
    private String pooling;

    @Option(
            names = "--control",
            paramLabel = "PATH",
            description =
                    "Report of another model, or its directory: the gain over it is printed as a"
                            + " second table.")
    private Path control;

    @Option(names = "--json", description = "Print the report as one object instead of tables.")
    private boolean json;

    EvalCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Benchmark benchmark =
                Refusals.naming("--benchmark", "benchmark", () -> Benchmark.named(benchmarkName));
        requirePositive("--limit", limit);
        requirePositive("--max-new-tokens", maxNewTokens);
        Pooling chosen = pooling();
        if (Files.exists(out) && !Files.isDirectory(out)) {
            throw new M3Exception("--out " + out + ": expected a directory or none, found a file");
        }
        Path directory = model == null ? Home.model() : model;
        Optional<EvaluationReport> other = Optional.ofNullable(control).map(EvaluationReport::read);
        List<Question> asked = benchmark.read(questions, Optional.ofNullable(images));
        if (limit != null && limit < asked.size()) {
            asked = asked.subList(0, limit);
        }
        if (blank) {
            asked = asked.stream().map(Question::blank).toList();
        }
        EvaluationReport report = evaluated(benchmark, asked, directory, chosen);
        report.write(out.resolve(EvaluationReport.FILE));
        ReportPlot.write(report, out.resolve(ReportPlot.FILE));
        print(report, other);
        if (report.totalErrors() > 0) {
            throw new M3Exception(
                    report.totalErrors()
                            + " of "
                            + report.samples() * report.errors().size()
                            + " answers are missing and count as wrong; "
                            + out.resolve(AnswerFiles.ERRORS)
                            + " says why. The same command asks for them again");
        }
        return 0;
    }

    private EvaluationReport evaluated(
            Benchmark benchmark, List<Question> asked, Path directory, Pooling chosen) {
        int newTokens = maxNewTokens == null ? benchmark.maxNewTokens() : maxNewTokens;
        LoadOptions.Builder options = promptOptions.set(modelOptions.loadOptions()).pooling(chosen);
        try (M3Model loaded = ModelOptions.load(directory, options, terminal)) {
            List<Scale> scales = ScaleList.orAll(tokens, loaded.ladder());
            Map<String, String> settings =
                    settings(loaded, options.build(), directory, benchmark, newTokens);
            boolean untrained = Untrained.is(directory);
            if (untrained) {
                Untrained.note(terminal);
            }
            try (AnswerFiles answers = AnswerFiles.open(out, name(directory), settings);
                    Progress progress = new Progress(terminal, "asking")) {
                EvaluationReport report =
                        new Evaluation(benchmark, scales, progress::show)
                                .run(
                                        asked,
                                        new ModelAnswerer(
                                                loaded, newTokens, BatchOptions.defaults()),
                                        answers);
                settings.put("model", directory.toString());
                settings.put("device", Devices.label(loaded.device()));
                settings.put("m3j", M3.Version.number());
                if (untrained) {
                    settings.put("untrained", "true");
                }
                return report.withProvenance(settings);
            }
        }
    }

    /** What answers depend on; those of another run are gone on with if all of it is the same. */
    private Map<String, String> settings(
            M3Model loaded,
            LoadOptions options,
            Path directory,
            Benchmark benchmark,
            int newTokens) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("benchmark", benchmark.name());
        settings.put("model_fingerprint", Fingerprint.ofCheckpoint(directory));
        settings.put("questions_fingerprint", Fingerprint.of(benchmark.files(questions)));
        settings.put(
                "template", loaded.template().name()); // fails, if it must, without a tokenizer
        settings.put("precision", loaded.precision().precision().label());
        settings.put("pooling", pooling);
        settings.put("max_new_tokens", String.valueOf(newTokens));
        if (blank) {
            settings.put("pictures", "blank");
        }
        options.imageMode().ifPresent(mode -> settings.put("image_mode", label(mode)));
        options.visionTower()
                .ifPresent(
                        tower ->
                                settings.put("tower_fingerprint", Fingerprint.ofCheckpoint(tower)));
        options.tokenizer()
                .ifPresent(
                        files ->
                                settings.put(
                                        "tokenizer_fingerprint", Fingerprint.ofCheckpoint(files)));
        return settings;
    }

    private static String name(Path directory) {
        return String.valueOf(directory.toAbsolutePath().normalize().getFileName());
    }

    private void print(EvaluationReport report, Optional<EvaluationReport> other) {
        if (json) {
            terminal.out().println(report.json());
            return;
        }
        terminal.out().print(Printable.shown(ReportTable.of(report)));
        if (other.isPresent()) {
            ReportComparison gain = ReportComparison.of(other.get(), report);
            terminal.out().println();
            terminal.out().print(Printable.shown(ReportTable.of(gain)));
        }
    }

    private Pooling pooling() {
        return Arrays.stream(Pooling.values())
                .filter(kind -> label(kind).equals(pooling))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "--pooling "
                                                + pooling
                                                + ": expected one of "
                                                + Arrays.stream(Pooling.values())
                                                        .map(EvalCommand::label)
                                                        .collect(Collectors.joining(", "))));
    }

    private static String label(Enum<?> kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    private static void requirePositive(String option, Integer value) {
        if (value != null && value < 1) {
            throw new M3Exception(option + " " + value + ": expected at least 1");
        }
    }
}
