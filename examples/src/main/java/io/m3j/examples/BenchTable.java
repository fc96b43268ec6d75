package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.core.torch.Limits;
import io.m3j.core.torch.Precision;
import io.m3j.examples.ModelBenchmark.Step;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;

/** The report of {@code bench} for a person. */
final class BenchTable {

    private final BenchReport report;
    private final ModelBenchmark.Result times;
    private final StringBuilder text = new StringBuilder();

    private BenchTable(BenchReport report) {
        this.report = report;
        this.times = report.times();
    }

    static String of(BenchReport report) {
        BenchTable table = new BenchTable(report);
        table.what();
        report.limits().ifPresent(table::limits);
        table.opening();
        table.picture();
        table.furtherToken();
        table.memory();
        table.scales();
        report.saving().ifPresent(table::saving);
        return table.text.toString();
    }

    private void what() {
        row(
                "model",
                Printable.line(report.model())
                        + ", "
                        + report.precision().label()
                        + ", "
                        + report.device()
                        + ", "
                        + report.runtime().threads()
                        + " threads");
        row(
                "versions",
                "M3J "
                        + M3.Version.number()
                        + ", Java "
                        + System.getProperty("java.version")
                        + ", libtorch "
                        + report.runtime().libtorch());
    }

    private void limits(MeasuredLimits limits) {
        Limits both = limits.both();
        StringJoiner products = new StringJoiner(", ", "", " GFLOPS");
        for (Precision precision : Precision.values()) {
            Double rate = both.gemmGflops().get(precision);
            if (rate != null) {
                products.add(precision.label() + " " + number(rate));
            }
        }
        row("matrix product", products + limits.before().map(before -> "").orElse(", afterwards"));
        row(
                "reading",
                number(limits.read())
                        + " GB/s: the better of a sum, "
                        + number(both.sumGigabytes())
                        + ", and one-row products, "
                        + number(both.rowGigabytes()));
    }

    private void opening() {
        String memory =
                report.memory()
                        .afterOpen()
                        .map(m -> "; then " + memory(m) + " in memory")
                        .orElse("");
        row("opening", milliseconds(report.open()) + memory);
    }

    private void picture() {
        Spread whole = times.steps().get(Step.ENCODE);
        if (whole != null) {
            Optional<Roofline> roofline = report.roofline();
            Spread tower = times.steps().get(Step.TOWER);
            Spread project = times.steps().get(Step.PROJECT);
            row("picture", spread(whole));
            row("  preprocessing", spread(times.steps().get(Step.PREPROCESS)));
            row(
                    "  tower",
                    spread(tower)
                            + roofline.map(r -> of("the product", r.tower(), tower)).orElse(""));
            row(
                    "  projector",
                    spread(project)
                            + roofline.map(r -> of("the product", r.projector(), project))
                                    .orElse(""));
        }
    }

    private void furtherToken() {
        Spread token = times.steps().get(Step.DECODE);
        if (token != null) {
            row(
                    "further token",
                    spread(token)
                            + report.roofline()
                                    .map(r -> of("the reading", r.weights(), token))
                                    .orElse("")
                            + ", at "
                            + ModelBenchmark.positions(report.finest())
                            + " positions");
        }
    }

    private void memory() {
        MemoryWatch.Seen most = report.memory().most();
        MemoryWatch.Heap heap = report.memory().heap();
        most.peak()
                .ifPresent(
                        peak ->
                                row(
                                        "memory",
                                        number(peak)
                                                + " MiB at most"
                                                + most.atPeak()
                                                        .map(m -> ": " + memory(m))
                                                        .orElse("")));
        row("Java heap", number(heap.peak()) + " of " + number(heap.max()) + " MiB");
    }

    private static String memory(ProcessMemory memory) {
        return String.format(
                Locale.ROOT,
                "%,.0f MiB of its own, %,.0f MiB of files",
                memory.anonymous(),
                memory.file());
    }

    private void scales() {
        Map<Scale, Spread> prefill = times.prefill();
        if (prefill.isEmpty()) {
            return;
        }
        text.append(
                String.format(
                        Locale.ROOT,
                        "%n%5s  %9s  %11s  %-17s  %10s  %9s  %11s  %11s%n",
                        "scale",
                        "positions",
                        "prefill, ms",
                        "least to most",
                        "of product",
                        "pool, ms",
                        "first token",
                        "at best"));
        prefill.forEach(this::scale);
    }

    private void scale(Scale scale, Spread prefill) {
        Optional<Roofline> roofline = report.roofline();
        String unknown = "-";
        text.append(
                String.format(
                        Locale.ROOT,
                        "%5s  %9d  %11s  %-17s  %10s  %9s  %11s  %11s%n",
                        scale,
                        ModelBenchmark.positions(scale),
                        number(prefill.median()),
                        number(prefill.least()) + " to " + number(prefill.most()),
                        roofline.map(r -> percent(r.products(scale) / prefill.median()))
                                .orElse(unknown),
                        Optional.ofNullable(times.pool().get(scale))
                                .map(pool -> number(pool.median()))
                                .orElse(unknown),
                        times.hasTimesToFirstToken()
                                ? number(times.timeToFirstToken(scale))
                                : unknown,
                        roofline.map(r -> number(r.timeToFirstToken(scale))).orElse(unknown)));
    }

    private void saving(Roofline.Saving saving) {
        text.append(
                String.format(
                        Locale.ROOT,
                        "%nFrom %s to %s visual tokens the first token comes %s sooner; the limits"
                                + " promise %s: %s of the promise.%n",
                        saving.from(),
                        saving.to(),
                        percent(saving.measured()),
                        percent(saving.promised()),
                        percent(saving.fractionOfPromise())));
    }

    private void row(String name, String value) {
        text.append(String.format(Locale.ROOT, "%-16s %s%n", name, value));
    }

    private static String spread(Spread spread) {
        return milliseconds(spread.median())
                + " ("
                + number(spread.least())
                + " to "
                + number(spread.most())
                + " in "
                + spread.runs()
                + " runs)";
    }

    private static String of(String limit, double best, Spread measured) {
        return ", " + percent(best / measured.median()) + " of " + limit;
    }

    private static String milliseconds(double value) {
        return number(value) + " ms";
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 100 ? "%,.1f" : "%,.0f", value);
    }

    private static String percent(double fraction) {
        return String.format(Locale.ROOT, "%.0f %%", 100 * fraction);
    }
}
