package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/**
 * The kernels of the decoder.
 *
 * <p>The first argument of each method is the manager that owns the result; the caller closes it.
 */
public final class DecoderKernels {

    private final Kernels kernels;

    /**
     * @param kernels the program; must be open when a method is called
     */
    public DecoderKernels(Kernels kernels) {
        this.kernels = kernels;
    }

    /**
     * @param owner owns the result
     * @param table [V, D]
     * @param ids each from 0 to V − 1, which the caller has checked
     * @return [L, D]
     */
    public NDArray embed(NDManager owner, NDArray table, long... ids) {
        return kernels.call(owner, "embed", table, ids);
    }

    /**
     * Copies the first positions of one cache into another.
     *
     * @param owner owns the result
     * @param into [G, capacity, E], written in place
     * @param source [G, its capacity, E]
     * @param count how many positions
     * @return the positions written, a view [G, count, E]
     */
    public NDArray copyPositions(NDManager owner, NDArray into, NDArray source, int count) {
        return kernels.call(owner, "copy_positions", into, source, count);
    }

    /**
     * One attention sublayer, its residual included, for the new rows of one or more sequences;
     * writes their keys and values into the caches.
     *
     * @param owner owns the result
     * @param x [R, D], the rows of all sequences behind one another
     * @param weights norm, then the operands of q|k|v in one layer or of q, k, v in three, then o's
     * @param form of the layers
     * @param fused whether q|k|v are one layer
     * @param cosines [R, 1, E] of the positions of x
     * @param sines [R, 1, E] likewise
     * @param keys of each sequence [G, capacity, E]
     * @param values of each sequence [G, capacity, E]
     * @param starts position of the first new row of each sequence
     * @param lengths new rows of each sequence
     * @param lastOnly whether only the last row of each sequence goes on; keys and values are written
     *     for all
     * @param heads query heads, a multiple of G
     * @param epsilon of the norm
     * @return [R, D], or [sequences, D]
     */
    public NDArray attention(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            boolean fused,
            NDArray cosines,
            NDArray sines,
            List<NDArray> keys,
            List<NDArray> values,
            long[] starts,
            long[] lengths,
            boolean lastOnly,
            int heads,
            double epsilon) {
        return kernels.call(
                owner,
                "decoder_attention",
                x,
                weights,
                form.ordinal(),
                fused,
                cosines,
                sines,
                keys,
                values,
                starts,
                lengths,
                lastOnly,
                heads,
                epsilon);
    }

    /**
     * One feed-forward sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [R, D]
     * @param weights norm, then the operands of gate|up in one layer or of gate and up in two, then
     *     those of down
     * @param form of the layers
     * @param fused whether gate|up are one layer
     * @param epsilon of the norm
     * @return [R, D]
     */
    public NDArray mlp(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            boolean fused,
            double epsilon) {
        return kernels.call(owner, "decoder_mlp", x, weights, form.ordinal(), fused, epsilon);
    }

    /**
     * The last norm and the output head.
     *
     * @param owner owns the result
     * @param x [R, D]
     * @param weights norm, then the operands of the head
     * @param form of the head
     * @param epsilon of the norm
     * @return float32 [R, V]
     */
    public NDArray logits(
            NDManager owner, NDArray x, List<NDArray> weights, Linear.Form form, double epsilon) {
        return kernels.call(owner, "decoder_logits", x, weights, form.ordinal(), epsilon);
    }
}
