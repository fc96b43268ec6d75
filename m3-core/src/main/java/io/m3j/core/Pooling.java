package io.m3j.core;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.torch.Kernels;

/**
 * How the full grid becomes the tokens of a coarser scale. M3 averages; the other two are the
 * training-free baselines that the paper compares it with (arXiv 2405.17430, section 4).
 */
public enum Pooling {
    /** The mean of each cell: what nests the scales. */
    AVERAGE,
    /** One token out of each cell. */
    SPATIAL,
    /** The first tokens in reading order. */
    SEQUENTIAL;

    /**
     * @param kernels that compute it
     * @param owner owns the result
     * @param tokens [T, grid side², D]
     * @param ladder the scales of the grid
     * @param scale the scale wanted, one of the ladder's
     * @return [T, scale, D], row by row
     * @throws M3Exception if the ladder does not have the scale
     */
    public NDArray apply(
            Kernels kernels, NDManager owner, NDArray tokens, Ladder ladder, Scale scale) {
        return switch (this) {
            case AVERAGE -> kernels.poolAverage(owner, tokens, ladder, scale);
            case SPATIAL -> kernels.poolSpatial(owner, tokens, ladder, scale);
            case SEQUENTIAL -> kernels.poolSequential(owner, tokens, ladder, scale);
        };
    }
}
