package io.m3j.train;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;

/**
 * How the learning rate changes in a run: it rises from 0 to its full height in the warm-up, then falls
 * as its kind says. The same numbers as Hugging Face's {@code get_cosine_schedule_with_warmup} and its
 * siblings (transformers/optimization.py); a constant that decays at the end is their
 * warm-up-stable-decay, with a straight line.
 *
 * @param kind of the fall
 * @param warmUpSteps of the warm-up; 0 to take the ratio
 * @param warmUpRatio of all steps, rounded up, that the warm-up takes
 * @param decayRatio of all steps, rounded up: in so many at the end a constant falls to 0 in a straight
 *     line; 0 for the other kinds
 */
public record Schedule(Kind kind, long warmUpSteps, double warmUpRatio, double decayRatio) {

    /** How the rate falls behind the warm-up. */
    public enum Kind {
        /** To 0 along half a cosine. */
        COSINE,
        /** To 0 in a straight line. */
        LINEAR,
        /** Not at all before the last part, if it has one. */
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
        if (!(decayRatio >= 0 && decayRatio <= 1)) {
            throw new M3Exception("decay_ratio: expected 0 to 1, found " + decayRatio);
        }
        if (decayRatio > 0 && kind != Kind.CONSTANT) {
            throw new M3Exception(
                    "decay_ratio: expected nothing, since only a constant rate decays at the end,"
                            + " found "
                            + decayRatio);
        }
        if (warmUpSteps > 0 && warmUpRatio > 0) {
            throw new M3Exception(
                    "warm_up_steps: expected either steps or a ratio of the warm-up, found both");
        }
    }

    /**
     * A schedule without a last part of its own.
     *
     * @param kind of the fall
     * @param warmUpSteps of the warm-up; 0 to take the ratio
     * @param warmUpRatio of all steps that the warm-up takes
     */
    public Schedule(Kind kind, long warmUpSteps, double warmUpRatio) {
        this(kind, warmUpSteps, warmUpRatio, 0);
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
            case CONSTANT ->
                    Math.min(1, (total - step) / Math.max(1, Math.ceil(total * decayRatio)));
        };
    }
}
