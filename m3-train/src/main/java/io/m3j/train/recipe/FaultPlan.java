package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.train.data.OnFault;

/**
 * What becomes of examples that cannot be used (a missing picture, a broken line, labels that are all
 * masked) and of steps whose loss is no number. Whatever is skipped is counted and said.
 *
 * @param badExample what an example that cannot be used does
 * @param nonFinite what a loss that is no number does to its step
 * @param limit skipped examples and steps, each, after which the run stops all the same
 */
public record FaultPlan(OnFault badExample, OnFault nonFinite, long limit) {

    /** Checks that all are there. */
    public FaultPlan {
        required(badExample, "badExample");
        required(nonFinite, "nonFinite");
        Range.atLeast(1, "limit", limit);
    }
}
