package io.m3j.train;

import io.m3j.core.Scale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What one batch said.
 *
 * @param loss the weighted sum that gradients were taken of
 * @param crossEntropy of each scale, the mean over labelled ids; of examples at one random scale each,
 *     the scale of the finest stands for all
 * @param distillation divergence of each scale from the finest; empty if it takes no part
 * @param consistency divergence of each scale from the next finer; empty if it takes no part
 * @param grounding the cross-entropy of what the visual tokens say of themselves; empty if it takes no
 *     part
 * @param labelled ids that were to be learnt
 * @param positions that the decoder read at all scales, padding not counted; those of a batch without
 *     pictures once
 */
public record StepResult(
        double loss,
        Map<Scale, Double> crossEntropy,
        Map<Scale, Double> distillation,
        Map<Scale, Double> consistency,
        OptionalDouble grounding,
        int labelled,
        long positions) {

    /**
     * @param weighted what it adds to the loss
     * @param crossEntropyOfPatches of what the visual tokens say of themselves
     * @return this with it
     */
    StepResult withGrounding(double weighted, double crossEntropyOfPatches) {
        return new StepResult(
                loss + weighted,
                crossEntropy,
                distillation,
                consistency,
                OptionalDouble.of(crossEntropyOfPatches),
                labelled,
                positions);
    }
}
