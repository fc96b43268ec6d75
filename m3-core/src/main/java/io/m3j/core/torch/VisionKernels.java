package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/**
 * The kernels of the CLIP tower and of the projector.
 *
 * <p>The first argument of each method is the manager that owns the result; the caller closes it.
 */
public final class VisionKernels {

    private final Kernels kernels;

    /**
     * @param kernels the program; must be open when a method is called
     */
    public VisionKernels(Kernels kernels) {
        this.kernels = kernels;
    }

    /**
     * Patches and class token with their positions, normed.
     *
     * @param owner owns the result
     * @param pixels [T, 3, size, size]
     * @param patch [D, 3, p, p]
     * @param classToken [D]
     * @param positions [1 + N, D]
     * @param norm weight of the norm before the layers [D]
     * @param normBias its bias [D]
     * @param epsilon of the norm
     * @return [T, 1 + N, D]
     */
    public NDArray clipEmbed(
            NDManager owner,
            NDArray pixels,
            NDArray patch,
            NDArray classToken,
            NDArray positions,
            NDArray norm,
            NDArray normBias,
            double epsilon) {
        return kernels.call(
                owner, "clip_embed", pixels, patch, classToken, positions, norm, normBias, epsilon);
    }

    /**
     * One attention sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights norm and its bias, then the operands of q|k|v in one layer or of q, k, v in
     *     three, then those of out
     * @param form of the layers
     * @param heads attention heads
     * @param epsilon of the norm
     * @return [T, L, D]
     */
    public NDArray clipAttention(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            int heads,
            double epsilon) {
        return kernels.call(owner, "clip_attention", x, weights, form.ordinal(), heads, epsilon);
    }

    /**
     * One feed-forward sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights norm and its bias, then the operands of fc1 and fc2
     * @param form of the layers
     * @param activation between the two
     * @param epsilon of the norm
     * @return [T, L, D]
     */
    public NDArray clipMlp(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            Activation activation,
            double epsilon) {
        String name = activation.kernelName();
        return kernels.call(owner, "clip_mlp", x, weights, form.ordinal(), name, epsilon);
    }

    /**
     * @param owner owns the result
     * @param x [T, 1 + N, D], the class token first
     * @return [T, N, D]
     */
    public NDArray patchesOnly(NDManager owner, NDArray x) {
        return kernels.call(owner, "patches_only", x);
    }

    /**
     * @param owner owns the result
     * @param x the last hidden state [T, 1 + N, D]
     * @param norm [D]
     * @param normBias [D]
     * @param epsilon of the norm
     * @return the class token, normed [T, D]
     */
    public NDArray clipPool(
            NDManager owner, NDArray x, NDArray norm, NDArray normBias, double epsilon) {
        return kernels.call(owner, "clip_pool", x, norm, normBias, epsilon);
    }

    /**
     * @param owner owns the result
     * @param pooled [T, D]
     * @param projection [P, D]
     * @return [T, P]
     */
    public NDArray clipProject(NDManager owner, NDArray pooled, NDArray projection) {
        return kernels.call(owner, "clip_project", pooled, projection);
    }

    /**
     * LLaVA's projector.
     *
     * @param owner owns the result
     * @param x [T, N, vision hidden size]
     * @param weights the operands of each linear layer in turn
     * @param form of the layers
     * @param activation between the layers
     * @return [T, N, D]
     */
    public NDArray project(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            Activation activation) {
        return kernels.call(owner, "project", x, weights, form.ordinal(), activation.kernelName());
    }
}
