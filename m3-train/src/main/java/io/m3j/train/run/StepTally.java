package io.m3j.train.run;

import io.m3j.core.Scale;
import io.m3j.train.StepResult;
import java.util.Collections;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/** Sums up what the batches of one step, or of one evaluation, said. */
final class StepTally {

    private double loss;
    private double weights;
    private long examples;
    private long positions;
    private double grounding;
    private double groundingWeights;
    private final Map<Scale, Double> sums = new TreeMap<>();
    private final Map<Scale, Double> weightsByScale = new TreeMap<>();

    /**
     * @param result of a batch
     * @param share that its loss was multiplied by
     * @param count examples of the batch
     * @param weight that it has among the others
     */
    void add(StepResult result, double share, int count, double weight) {
        loss += weight * (result.loss() / share);
        weights += weight;
        examples += count;
        positions += result.positions();
        result.grounding()
                .ifPresent(
                        value -> {
                            grounding += weight * value;
                            groundingWeights += weight;
                        });
        result.crossEntropy()
                .forEach(
                        (scale, value) -> {
                            sums.merge(scale, weight * value, Double::sum);
                            weightsByScale.merge(scale, weight, Double::sum);
                        });
    }

    boolean isEmpty() {
        return examples == 0;
    }

    /** The weighted mean. */
    double loss() {
        return loss / weights;
    }

    /** The weighted means, of the batches that had the scale. */
    Map<Scale, Double> lossByScale() {
        Map<Scale, Double> means = new TreeMap<>();
        sums.forEach((scale, sum) -> means.put(scale, sum / weightsByScale.get(scale)));
        return Collections.unmodifiableMap(means);
    }

    /** The weighted mean of the batches that had it. */
    OptionalDouble grounding() {
        return groundingWeights > 0
                ? OptionalDouble.of(grounding / groundingWeights)
                : OptionalDouble.empty();
    }

    long examples() {
        return examples;
    }

    long positions() {
        return positions;
    }
}
