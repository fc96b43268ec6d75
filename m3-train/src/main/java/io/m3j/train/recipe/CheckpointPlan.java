package io.m3j.train.recipe;

/**
 * When a run's state is written.
 *
 * @param everySteps of the optimizer; 0 for no count
 * @param everyMinutes since the last one; 0 for no clock
 * @param keep how many of the last are kept
 */
public record CheckpointPlan(long everySteps, double everyMinutes, int keep) {

    /** Checks the ranges. */
    public CheckpointPlan {
        Range.atLeast(0, "every_steps", everySteps);
        Range.notNegative("every_minutes", everyMinutes);
        Range.atLeast(1, "keep", keep);
    }
}
