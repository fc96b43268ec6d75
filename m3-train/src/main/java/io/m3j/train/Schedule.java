package io.m3j.train;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;

/**
 * How the learning rate changes in a run: it rises from 0 to its full height in the warm-up, then falls
 * as its kind says. The same numbers as Hugging Face's {@code get_cosine_schedule_with_warmup} and its
 * siblings (transformers/optimization.py).
 *
 * @param kind of the fall
 * @param warmUpSteps of the warm-up; 0 to take the ratio
 * @param warmUpRatio of all steps, rounded up, that the warm-up takes
 */
public record Schedule(Kind kind, long warmUpSteps, double warmUpRatio) {

    /** How the rate falls behind the warm-up. */
    public enum Kind {
        /** To 0 along half a cosine. */
        COSINE,
        /** To 0 in a straight line. */
        LINEAR,
        /** Not at all. */
        CONSTANT
    }

    /** Checks the ranges. */
    public Schedule {
        required(kind, "kind");
        if (warmUpSteps < 0) {
            throw new M3Exception(
                    "warm_up_steps: expected an integer of 0 or more, found " + warmUpSteps);
        }
        if (!(warmUpRatio >= 0 && warmUpRatio <= 1)) {
            throw new M3Exception("warm_up_ratio: expected 0 to 1, found " + warmUpRatio);
        }
        if (warmUpSteps > 0 && warmUpRatio > 0) {
            throw new M3Exception(
                    "warm_up_steps: expected either steps or a ratio of the warm-up, found both");
        }
    }

    /**
     * @param step steps that have been taken, 0 for the first one
     * @param total steps of the run
     * @return what the learning rate is multiplied by, 0 to 1
     */
    public double factor(long step, long total) {
        long warmUp = warmUpSteps > 0 ? warmUpSteps : (long) Math.ceil(total * warmUpRatio);
        if (step < warmUp) {
            return (double) step / warmUp;
        }
        double progress = (double) (step - warmUp) / Math.max(1, total - warmUp);
        return switch (kind) {
            case COSINE -> Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
            case LINEAR -> Math.max(0, 1 - progress);
            case CONSTANT -> 1;
        };
    }
}
