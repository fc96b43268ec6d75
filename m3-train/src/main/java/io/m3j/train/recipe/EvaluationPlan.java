package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.List;
import java.util.Optional;

/**
 * When the loss of examples is measured that are not trained on.
 *
 * @param everySteps of the optimizer
 * @param data where these examples come from
 * @param examples how many of them, from the first
 * @param earlyStopping ends a run that no longer gets better
 */
public record EvaluationPlan(
        long everySteps,
        List<DataSource> data,
        int examples,
        Optional<EarlyStopping> earlyStopping) {

    /** The metric of early stopping that is the weighted loss; with a scale behind it, that scale's. */
    public static final String LOSS = "loss";

    /**
     * Ends a run when a metric has not become lower for a while; the model is then the best one.
     *
     * @param metric {@code loss}, or {@code loss.36} for that of one scale
     * @param patience evaluations without a lower value that are waited for
     */
    public record EarlyStopping(String metric, int patience) {
        /** Checks the metric's form and the patience. */
        public EarlyStopping {
            required(metric, "metric");
            Range.atLeast(1, "patience", patience);
            scaleOf(metric);
        }

        /**
         * @return the scale whose loss is watched; empty for the weighted loss
         */
        public Optional<Scale> scale() {
            return scaleOf(metric);
        }

        private static Optional<Scale> scaleOf(String metric) {
            if (metric.equals(LOSS)) {
                return Optional.empty();
            }
            if (!metric.matches("loss\\.[1-9]\\d{0,8}")) {
                throw new M3Exception(
                        "metric: expected loss, or loss.36 for that of one scale,"
                                + " found "
                                + metric);
            }
            return Optional.of(Scale.of(Integer.parseInt(metric.substring(LOSS.length() + 1))));
        }
    }

    /** Checks the counts. */
    public EvaluationPlan {
        data = List.copyOf(required(data, "data"));
        required(earlyStopping, "earlyStopping");
        Range.atLeast(1, "every_steps", everySteps);
        Range.atLeast(1, "examples", examples);
    }
}
