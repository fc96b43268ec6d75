package io.m3j.eval;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A model beside a control, such as one trained at 576 tokens alone, both asked the same questions.
 *
 * @param scales that both were asked at, in ascending order
 * @param all the difference over all questions, by scale
 * @param byCategory the same by category and scale
 */
public record ReportComparison(
        List<Scale> scales,
        Map<Scale, Difference> all,
        Map<String, Map<Scale, Difference>> byCategory) {

    /** What says in a report which questions were asked. */
    private static final String QUESTIONS = "questions_fingerprint";

    /**
     * Two accuracies.
     *
     * @param samples questions
     * @param control its accuracy, 0 to 1
     * @param model its accuracy, 0 to 1
     * @param interval95 of model − control
     */
    public record Difference(int samples, double control, double model, Interval interval95) {

        private static Difference of(int samples, double control, double model) {
            return new Difference(
                    samples,
                    control,
                    model,
                    Interval.ofDifference(
                            model,
                            Interval.wilson(model, samples),
                            control,
                            Interval.wilson(control, samples)));
        }

        /**
         * @return whether chance alone is an unlikely cause: its interval has no zero in it
         */
        public boolean isClear() {
            return interval95.low() > 0 || interval95.high() < 0;
        }
    }

    /**
     * @param control what is compared with
     * @param model whose gain is asked for
     * @return the differences
     * @throws M3Exception if they were not asked the same questions, or have no scale in common
     */
    public static ReportComparison of(EvaluationReport control, EvaluationReport model) {
        requireEqual("benchmark", control.benchmark(), model.benchmark());
        requireEqual("questions", control.samplesByCategory(), model.samplesByCategory());
        requireEqual(
                QUESTIONS, control.provenance().get(QUESTIONS), model.provenance().get(QUESTIONS));
        List<Scale> scales =
                model.accuracy().keySet().stream()
                        .filter(control.accuracy()::containsKey)
                        .sorted()
                        .toList();
        if (scales.isEmpty()) {
            throw new M3Exception(
                    "reports: no scale in common: the control has "
                            + control.accuracy().keySet()
                            + ", the model "
                            + model.accuracy().keySet());
        }
        Map<String, Map<Scale, Difference>> byCategory = new TreeMap<>();
        model.byCategory()
                .forEach(
                        (name, accuracy) ->
                                byCategory.put(
                                        name,
                                        differences(
                                                scales,
                                                model.samplesByCategory().get(name),
                                                control.byCategory().get(name),
                                                accuracy)));
        return new ReportComparison(
                scales,
                differences(scales, model.samples(), control.accuracy(), model.accuracy()),
                byCategory);
    }

    private static Map<Scale, Difference> differences(
            List<Scale> scales, int samples, Map<Scale, Double> control, Map<Scale, Double> model) {
        Map<Scale, Difference> differences = new TreeMap<>();
        for (Scale scale : scales) {
            differences.put(scale, Difference.of(samples, control.get(scale), model.get(scale)));
        }
        return differences;
    }

    private static void requireEqual(String what, Object control, Object model) {
        if (!String.valueOf(control).equals(String.valueOf(model))) {
            throw new M3Exception(
                    "reports: expected the same "
                            + what
                            + ", found "
                            + control
                            + " in the control's and "
                            + model
                            + " in the model's");
        }
    }
}
