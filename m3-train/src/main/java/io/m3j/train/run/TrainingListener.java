package io.m3j.train.run;

import io.m3j.core.Scale;
import java.util.Map;
import java.util.OptionalDouble;

/** Is told how a run goes, on the thread that trains. */
public interface TrainingListener {

    /** Is told nothing. */
    TrainingListener NONE = new TrainingListener() {};

    /**
     * One step.
     *
     * @param step steps taken
     * @param total steps of the run
     * @param loss that gradients were taken of
     * @param lossByScale the mean cross-entropy of each scale that took part
     * @param grounding the cross-entropy of what the visual tokens say of themselves, if it took part
     * @param gradientNorm before clipping
     * @param tokensPerSecond positions of the decoder that were learnt from
     * @param secondsLeft an estimate of what the other steps take
     */
    record Step(
            long step,
            long total,
            double loss,
            Map<Scale, Double> lossByScale,
            OptionalDouble grounding,
            double gradientNorm,
            double tokensPerSecond,
            double secondsLeft) {}

    /**
     * @param step what was done
     */
    default void stepped(Step step) {}

    /**
     * The loss of examples that are not trained on.
     *
     * @param step steps taken
     * @param loss as in training
     * @param lossByScale the mean cross-entropy of each scale
     */
    default void evaluated(long step, double loss, Map<Scale, Double> lossByScale) {}

    /**
     * Something a person should know: what the run goes on from, what was skipped.
     *
     * @param message one sentence
     */
    default void said(String message) {}
}
