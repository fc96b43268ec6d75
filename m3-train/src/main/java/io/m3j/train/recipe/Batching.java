package io.m3j.train.recipe;

/**
 * How examples come together.
 *
 * @param size examples that are computed together
 * @param accumulation batches whose gradients make one step
 * @param groupByLength whether a batch holds examples of like lengths, all with pictures or all without
 * @param loaders threads that read and prepare pictures ahead
 */
public record Batching(int size, int accumulation, boolean groupByLength, int loaders) {

    /** Checks the counts. */
    public Batching {
        Range.atLeast(1, "size", size);
        Range.atLeast(1, "accumulation", accumulation);
        Range.atLeast(1, "loaders", loaders);
    }
}
