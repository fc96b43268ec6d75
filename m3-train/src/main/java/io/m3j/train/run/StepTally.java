package io.m3j.train.run;

import io.m3j.core.Scale;
import io.m3j.train.StepResult;
import java.util.Collections;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/** Sums up what the batches of one step, or of one evaluation, said. */
final class StepTally {

    private final Mean loss = new Mean();
    private final Mean grounding = new Mean();
    private final Map<Scale, Mean> crossEntropy = new TreeMap<>();
    private final Map<Scale, Mean> distillation = new TreeMap<>();
    private final Map<Scale, Mean> consistency = new TreeMap<>();
    private long examples;
    private long positions;

    /** A weighted mean. */
    private static final class Mean {

        private double sum;
        private double weights;

        void add(double value, double weight) {
            sum += weight * value;
            weights += weight;
        }

        double value() {
            return sum / weights;
        }
    }

    /**
     * @param result of a batch
     * @param share that its loss was multiplied by
     * @param count examples of the batch
     * @param weight that it has among the others
     */
    void add(StepResult result, double share, int count, double weight) {
        loss.add(result.loss() / share, weight);
        examples += count;
        positions += result.positions();
        result.grounding().ifPresent(value -> grounding.add(value, weight));
        addAll(crossEntropy, result.crossEntropy(), weight);
        addAll(distillation, result.distillation(), weight);
        addAll(consistency, result.consistency(), weight);
    }

    private static void addAll(Map<Scale, Mean> means, Map<Scale, Double> values, double weight) {
        values.forEach(
                (scale, value) ->
                        means.computeIfAbsent(scale, key -> new Mean()).add(value, weight));
    }

    boolean isEmpty() {
        return examples == 0;
    }

    /** The weighted mean. */
    double loss() {
        return loss.value();
    }

    /** The weighted means, of the batches that had the scale. */
    Map<Scale, Double> lossByScale() {
        return values(crossEntropy);
    }

    /** Divergences from the finest scale, likewise; empty if they take no part. */
    Map<Scale, Double> distillation() {
        return values(distillation);
    }

    /** Divergences from the next finer scale, likewise; empty if they take no part. */
    Map<Scale, Double> consistency() {
        return values(consistency);
    }

    private static Map<Scale, Double> values(Map<Scale, Mean> means) {
        Map<Scale, Double> values = new TreeMap<>();
        means.forEach((scale, mean) -> values.put(scale, mean.value()));
        return Collections.unmodifiableMap(values);
    }

    /** The weighted mean of the batches that had it. */
    OptionalDouble grounding() {
        return grounding.weights > 0
                ? OptionalDouble.of(grounding.value())
                : OptionalDouble.empty();
    }

    long examples() {
        return examples;
    }

    long positions() {
        return positions;
    }
}
