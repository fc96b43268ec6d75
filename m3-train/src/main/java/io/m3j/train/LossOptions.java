package io.m3j.train;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the loss of a batch is made of.
 *
 * @param weights α of each scale that takes part
 * @param mode whether every example is read at every scale
 * @param distillation weight γ of the divergence of each scale's answers from those of the finest
 * @param consistency weight of the divergence of each scale's answers from those of the next finer
 * @param temperature that softens both sides of these divergences
 * @param grounding weight of what the visual tokens of the full grid are to say of themselves: the mean
 *     cross-entropy of the words for what lies under each patch, read off the projected token by the
 *     decoder's last norm and head, before any of its layers. Only examples with {@link
 *     io.m3j.train.data.Grounding} have a part in it
 */
public record LossOptions(
        Map<Scale, Double> weights,
        Mode mode,
        double distillation,
        double consistency,
        double temperature,
        double grounding) {

    /** Which scales an example is read at. */
    public enum Mode {
        /** Every example at every scale, as M3 (arXiv 2405.17430, section 3). */
        ALL_SCALES,
        /** Every example at one scale, drawn with probabilities like the weights. */
        ONE_RANDOM_SCALE
    }

    /** Checks that the numbers make a loss. */
    public LossOptions {
        weights = Collections.unmodifiableMap(new TreeMap<>(required(weights, "weights")));
        required(mode, "mode");
        if (weights.isEmpty() && grounding == 0) {
            throw new M3Exception("loss: expected one or more scales, found none");
        }
        weights.forEach(
                (scale, weight) -> {
                    if (!(weight > 0) || weight.isInfinite()) {
                        throw new M3Exception(
                                "loss: weight of scale "
                                        + scale
                                        + ": expected a number above 0, found "
                                        + weight);
                    }
                });
        requireNotNegative("distillation", distillation);
        requireNotNegative("consistency", consistency);
        requireNotNegative("grounding", grounding);
        if (!(temperature > 0)) {
            throw new M3Exception(
                    "loss: temperature: expected a number above 0, found " + temperature);
        }
        if (mode == Mode.ONE_RANDOM_SCALE && distillation + consistency > 0) {
            throw new M3Exception(
                    "loss: distillation and consistency compare scales of one example: they need"
                            + " every example at every scale, found one random scale");
        }
    }

    private static void requireNotNegative(String name, double weight) {
        if (!(weight >= 0) || Double.isInfinite(weight)) {
            throw new M3Exception(
                    "loss: " + name + ": expected a number not below 0, found " + weight);
        }
    }

    /**
     * M3's own loss: the mean over scales.
     *
     * @param scales that take part
     * @return these options
     */
    public static LossOptions mean(List<Scale> scales) {
        Map<Scale, Double> weights = new TreeMap<>();
        scales.forEach(scale -> weights.put(scale, 1.0 / scales.size()));
        return new LossOptions(weights, Mode.ALL_SCALES, 0, 0, 1, 0);
    }

    /**
     * @param other a mode
     * @return these options with it
     */
    public LossOptions with(Mode other) {
        return new LossOptions(weights, other, distillation, consistency, temperature, grounding);
    }

    /**
     * @param finest weight of the divergence from the finest scale
     * @param neighbour weight of the divergence from the next finer scale
     * @param softening temperature of both
     * @return these options with them
     */
    public LossOptions withDivergences(double finest, double neighbour, double softening) {
        return new LossOptions(weights, mode, finest, neighbour, softening, grounding);
    }

    /**
     * @param weight of what the visual tokens are to say of themselves
     * @return these options with it
     */
    public LossOptions withGrounding(double weight) {
        return new LossOptions(weights, mode, distillation, consistency, temperature, weight);
    }

    /**
     * @return the scales, coarsest first
     */
    public List<Scale> scales() {
        return List.copyOf(weights.keySet());
    }
}
