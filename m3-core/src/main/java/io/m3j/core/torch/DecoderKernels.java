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

    /**
     * What some layers of a decoder compute with.
     *
     * @param weights of each layer in turn: norm and the operands of q|k|v in one layer or of q, k, v in
     *     three, then o's; norm and the operands of gate|up in one layer or of gate and up in two, then
     *     down's
     * @param attention how many of them belong to the first sublayer of each layer
     * @param mlp how many to the second
     * @param form of all linear layers
     * @param fused whether q|k|v are one layer and gate|up too
     * @param heads query heads, a multiple of the key heads G
     * @param epsilon of the norms
     */
    public record Layers(
            List<NDArray> weights,
            int attention,
            int mlp,
            Linear.Form form,
            boolean fused,
            int heads,
            double epsilon) {

        /** Copies the list. */
        public Layers {
            weights = List.copyOf(weights);
        }

        /**
         * @param from the first layer
         * @param to the one behind the last
         * @return those layers alone
         */
        public Layers between(int from, int to) {
            int each = attention + mlp;
            List<NDArray> some = weights.subList(from * each, to * each);
            return new Layers(some, attention, mlp, form, fused, heads, epsilon);
        }
    }

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
     * Layers one behind the other: each an attention and a feed-forward sublayer, their residuals
     * included, for the new rows of one or more sequences; writes their keys and values into the
     * caches. One call for all of them, since each call costs as much as a small product.
     *
     * @param owner owns the result
     * @param x [R, D], the rows of all sequences behind one another
     * @param layers what they compute with
     * @param cosines [R, 1, E] of the positions of x
     * @param sines [R, 1, E] likewise
     * @param keys of each layer in turn those of every sequence, [G, capacity, E], zero or any other
     *     number behind what was written, but no NaN or infinity
     * @param values of each layer in turn those of every sequence, likewise
     * @param starts position of the first new row of each sequence
     * @param lengths new rows of each sequence
     * @param lastOnly whether behind the last of these layers only the last row of each sequence goes on;
     *     keys and values are written for all
     * @return [R, D], or [sequences, D]
     */
    public NDArray layers(
            NDManager owner,
            NDArray x,
            Layers layers,
            NDArray cosines,
            NDArray sines,
            List<NDArray> keys,
            List<NDArray> values,
            long[] starts,
            long[] lengths,
            boolean lastOnly) {
        return kernels.call(
                owner,
                "decoder_layers",
                x,
                layers.weights,
                layers.attention,
                layers.mlp,
                layers.form.ordinal(),
                layers.fused,
                layers.heads,
                layers.epsilon,
                cosines,
                sines,
                keys,
                values,
                starts,
                lengths,
                lastOnly);
    }

    /**
     * The last norm and the output head.
     *
     * @param owner owns the result
     * @param x [R, D]
     * @param weights norm, then the operands of the head
     * @param form of the head
     * @param epsilon of the norm
     * @param lengths rows of each sequence, which do not depend on the other sequences
     * @return float32 [R, V]
     */
    public NDArray logits(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Linear.Form form,
            double epsilon,
            long[] lengths) {
        return kernels.call(owner, "decoder_logits", x, weights, form.ordinal(), epsilon, lengths);
    }
}
