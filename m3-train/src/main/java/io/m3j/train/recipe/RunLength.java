package io.m3j.train.recipe;

import io.m3j.core.M3Exception;

/**
 * How long a run is: steps of the optimizer, or passes through the data.
 *
 * @param steps 0 if epochs say it
 * @param epochs 0 if steps say it; may be a fraction
 */
public record RunLength(long steps, double epochs) {

    /** Checks that one of them says it. */
    public RunLength {
        if (steps != 0 && epochs != 0) {
            throw new M3Exception("steps: expected either steps or epochs, found both");
        }
        if (steps == 0 && epochs == 0) {
            throw new M3Exception("steps: expected steps or epochs, found neither");
        }
        if (steps != 0) {
            Range.atLeast(1, "steps", steps);
        } else {
            Range.positive("epochs", epochs);
        }
    }

    /**
     * @param stepsPerEpoch steps of one pass through the data
     * @return steps of the run, 1 or more
     */
    public long steps(double stepsPerEpoch) {
        return steps > 0 ? steps : Math.max(1, Math.round(epochs * stepsPerEpoch));
    }
}
