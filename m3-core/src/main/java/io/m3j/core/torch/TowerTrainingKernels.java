package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/**
 * The kernels of {@code training.torchscript} that take pictures to visual tokens, one typed Java method
 * for each, as in {@link TrainingKernels}.
 */
public final class TowerTrainingKernels {

    private final TrainingKernels kernels;

    TowerTrainingKernels(TrainingKernels kernels) {
        this.kernels = kernels;
    }

    /**
     * @param owner owns the result
     * @param pixels [T, 3, size, size]
     * @param weights patches, class token, positions, norm and its bias
     * @param epsilon of the norm
     * @return [T, 1 + N, D]
     */
    public NDArray towerEmbed(
            NDManager owner, NDArray pixels, List<NDArray> weights, double epsilon) {
        try (NDManager scope = kernels.newManager()) {
            return kernels.one(
                    owner, "tower_embed", pixels, weights, TrainingKernels.numbers(scope, epsilon));
        }
    }

    /**
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights of each layer as the kernel says
     * @param heads of attention
     * @param activation of the feed-forward sublayer
     * @param epsilon of the norms
     * @param type that products are computed in
     * @return [T, L, D]
     */
    public NDArray towerLayers(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            int heads,
            Activation activation,
            double epsilon,
            FloatType type) {
        try (NDManager scope = kernels.newManager()) {
            NDArray sizes =
                    TrainingKernels.sizes(scope, heads, activation.ordinal(), type.number());
            return kernels.one(
                    owner,
                    "tower_layers",
                    x,
                    weights,
                    sizes,
                    TrainingKernels.numbers(scope, epsilon));
        }
    }

    /**
     * The grid in windows, each with the class token before it. The grid is a ring in both directions.
     *
     * @param owner owns the result
     * @param x [T, 1 + side², D]
     * @param side patches along a side of the grid
     * @param window patches along a side of a window; divides the grid's
     * @param down how far the grid is turned first
     * @param right how far the grid is turned first
     * @return [T·(side/window)², 1 + window², D]
     */
    public NDArray toWindows(
            NDManager owner, NDArray x, int side, int window, int down, int right) {
        try (NDManager scope = kernels.newManager()) {
            return kernels.one(
                    owner,
                    "to_windows",
                    x,
                    TrainingKernels.sizes(scope, side, window, down, right));
        }
    }

    /**
     * The way back from {@link #toWindows}; the class token becomes the mean of those of its windows.
     *
     * @param owner owns the result
     * @param x [T·(side/window)², 1 + window², D]
     * @param side as there
     * @param window as there
     * @param down as there
     * @param right as there
     * @return [T, 1 + side², D]
     */
    public NDArray fromWindows(
            NDManager owner, NDArray x, int side, int window, int down, int right) {
        try (NDManager scope = kernels.newManager()) {
            return kernels.one(
                    owner,
                    "from_windows",
                    x,
                    TrainingKernels.sizes(scope, side, window, down, right));
        }
    }

    /**
     * @param owner owns the result
     * @param x [T, 1 + N, D of the tower]
     * @param weights six arrays of each linear layer, as the kernel says
     * @param activation between them
     * @param type that products are computed in
     * @return [T, N, D]
     */
    public NDArray project(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Activation activation,
            FloatType type) {
        try (NDManager scope = kernels.newManager()) {
            NDArray sizes = TrainingKernels.sizes(scope, activation.ordinal(), type.number());
            return kernels.one(owner, "project", x, weights, sizes);
        }
    }
}
