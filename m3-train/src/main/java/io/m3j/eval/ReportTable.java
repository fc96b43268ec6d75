package io.m3j.eval;

import io.m3j.core.Scale;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;

/** Reports as Markdown, for model cards and documents. */
public final class ReportTable {

    private ReportTable() {}

    /**
     * Accuracy in percent: a line for each category, all of them, and the oracle; a column for each
     * scale.
     *
     * @param report to show
     * @return Markdown, ending with a line feed
     */
    public static String of(EvaluationReport report) {
        StringBuilder text = new StringBuilder();
        Collection<Scale> scales = report.accuracy().keySet();
        text.append(head("accuracy, %", "questions", scales));
        report.byCategory()
                .forEach(
                        (name, accuracy) ->
                                text.append(
                                        line(
                                                name,
                                                report.samplesByCategory().get(name),
                                                scales.stream()
                                                        .map(s -> percent(accuracy.get(s)))
                                                        .toList())));
        text.append(
                line(
                        "**all**",
                        report.samples(),
                        scales.stream()
                                .map(scale -> "**" + percent(report.accuracy().get(scale)) + "**")
                                .toList()));
        text.append(
                line(
                        "all, 95 % interval",
                        "",
                        scales.stream()
                                .map(scale -> percent(report.interval95().get(scale)))
                                .toList()));
        OracleReport oracle = report.oracle();
        text.append(
                String.format(
                        Locale.ROOT,
                        "%nOracle (fewest tokens that answer correctly): %s %% with %.2f tokens on"
                                + " average.%n",
                        percent(oracle.accuracy()),
                        oracle.meanTokens()));
        if (report.totalErrors() > 0) {
            text.append("Questions without an answer, counted as wrong, by scale: ")
                    .append(report.errors())
                    .append(".\n");
        }
        return text.toString();
    }

    /**
     * What a model gains over a control, in points: a line for each category and all of them, a column
     * for each scale, each cell as {@code control → model (difference)}; a difference whose 95 % interval
     * has no zero in it is in bold.
     *
     * @param comparison of the two
     * @return Markdown, ending with a line feed
     */
    public static String of(ReportComparison comparison) {
        StringBuilder text = new StringBuilder();
        List<Scale> scales = comparison.scales();
        text.append(head("accuracy, % (points)", "questions", scales));
        BiFunction<String, Map<Scale, ReportComparison.Difference>, String> row =
                (name, cells) ->
                        line(
                                name,
                                cells.values().iterator().next().samples(),
                                scales.stream().map(scale -> cell(cells.get(scale))).toList());
        comparison.byCategory().forEach((name, cells) -> text.append(row.apply(name, cells)));
        return text.append(row.apply("all", comparison.all())).toString();
    }

    private static String head(String corner, String count, Collection<Scale> scales) {
        StringBuilder text = new StringBuilder("| " + corner + " | " + count + " |");
        scales.forEach(scale -> text.append(' ').append(scale).append(" |"));
        return text.append("\n| --- | ---: |")
                .append(" ---: |".repeat(scales.size()))
                .append('\n')
                .toString();
    }

    private static String line(String name, Object count, List<String> cells) {
        return "| "
                + name.replace("|", "\\|")
                + " | "
                + count
                + " | "
                + String.join(" | ", cells)
                + " |\n";
    }

    private static String cell(ReportComparison.Difference difference) {
        String points =
                String.format(
                        Locale.ROOT, "%+.1f", 100 * (difference.model() - difference.control()));
        return percent(difference.control())
                + " → "
                + percent(difference.model())
                + " ("
                + (difference.isClear() ? "**" + points + "**" : points)
                + ")";
    }

    private static String percent(double rate) {
        return String.format(Locale.ROOT, "%.1f", 100 * rate);
    }

    private static String percent(Interval interval) {
        return percent(interval.low()) + "–" + percent(interval.high());
    }
}
