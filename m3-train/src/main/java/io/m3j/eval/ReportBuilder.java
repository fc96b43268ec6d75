package io.m3j.eval;

import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Counts questions and their answers into an {@link EvaluationReport}. */
final class ReportBuilder {

    /** The most frequent wrong answers that a report shows of each category and scale. */
    private static final int CONFUSIONS = 5;

    private final Benchmark benchmark;
    private final List<Scale> scales;
    private final Group all = new Group();
    private final Map<String, Group> categories = new TreeMap<>();
    private final Map<Scale, Integer> errors = new TreeMap<>();
    private final Map<Scale, Long> visualTokens = new TreeMap<>();
    private final List<double[]> scores = new ArrayList<>();

    /** Questions that are counted together. */
    private static final class Group {

        private int samples;
        private final Map<Scale, Double> scores = new TreeMap<>();
        private final Map<Scale, Map<Wrong, Integer>> wrong = new TreeMap<>();

        Map<Scale, Double> accuracy() {
            Map<Scale, Double> accuracy = new TreeMap<>();
            scores.forEach((scale, sum) -> accuracy.put(scale, sum / samples));
            return accuracy;
        }

        Map<Scale, Interval> intervals() {
            Map<Scale, Interval> intervals = new TreeMap<>();
            accuracy()
                    .forEach((scale, rate) -> intervals.put(scale, Interval.wilson(rate, samples)));
            return intervals;
        }

        Map<Scale, List<Confusion>> confusions() {
            Map<Scale, List<Confusion>> most = new TreeMap<>();
            wrong.forEach(
                    (scale, counts) ->
                            most.put(
                                    scale,
                                    counts.entrySet().stream()
                                            .map(e -> e.getKey().counted(e.getValue()))
                                            .sorted(MOST_FREQUENT_FIRST)
                                            .limit(CONFUSIONS)
                                            .toList()));
            return most;
        }
    }

    /** Alike ones in the order of their letters, so that equal answers make equal reports. */
    private static final Comparator<Confusion> MOST_FREQUENT_FIRST =
            Comparator.comparingInt(Confusion::count)
                    .reversed()
                    .thenComparing(Confusion::expected)
                    .thenComparing(Confusion::given);

    private record Wrong(String expected, String given) {
        Confusion counted(int count) {
            return new Confusion(expected, given, count);
        }
    }

    /**
     * @param benchmark says when an answer is right
     * @param scales in ascending order
     */
    ReportBuilder(Benchmark benchmark, List<Scale> scales) {
        this.benchmark = benchmark;
        this.scales = scales;
        scales.forEach(scale -> errors.put(scale, 0));
    }

    /**
     * @param question that was asked at every scale
     * @param answers those there are, by scale
     */
    void add(Question question, Map<Scale, Prediction> answers) {
        Group category = categories.computeIfAbsent(question.category(), name -> new Group());
        category.samples++;
        all.samples++;
        double[] row = new double[scales.size()];
        for (int i = 0; i < row.length; i++) {
            Scale scale = scales.get(i);
            Prediction answer = answers.get(scale);
            if (answer == null) {
                errors.merge(scale, 1, Integer::sum);
            } else {
                row[i] = benchmark.metric().score(question, answer.text());
                visualTokens.merge(scale, (long) answer.visualTokens(), Long::sum);
                if (row[i] == 0) {
                    Wrong wrong = new Wrong(question.answer(), answer.text().strip());
                    category.wrong
                            .computeIfAbsent(scale, key -> new HashMap<>())
                            .merge(wrong, 1, Integer::sum);
                }
            }
            all.scores.merge(scale, row[i], Double::sum);
            category.scores.merge(scale, row[i], Double::sum);
        }
        scores.add(row);
    }

    EvaluationReport build() {
        Map<Scale, Double> meanTokens = new TreeMap<>();
        visualTokens.forEach(
                (scale, sum) ->
                        meanTokens.put(scale, (double) sum / (all.samples - errors.get(scale))));
        return new EvaluationReport(
                benchmark.name(),
                Map.of(),
                all.samples,
                all.accuracy(),
                all.intervals(),
                byCategory(Group::accuracy),
                byCategory(Group::intervals),
                byCategory(group -> group.samples),
                meanTokens,
                OracleReport.of(scales.stream().map(Scale::tokens).toList(), scores),
                errors,
                byCategory(Group::confusions));
    }

    private <T> Map<String, T> byCategory(Function<Group, T> view) {
        return categories.entrySet().stream()
                .collect(
                        Collectors.toMap(
                                Map.Entry::getKey,
                                entry -> view.apply(entry.getValue()),
                                (a, b) -> a,
                                TreeMap::new));
    }
}
