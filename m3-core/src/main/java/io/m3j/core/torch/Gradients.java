package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.Optional;

/**
 * Leaves, in which gradients gather, and the way back to them through the graph of a result. For one
 * thread at a time.
 */
public final class Gradients {

    private Gradients() {}

    /**
     * An array that ends a graph: gradients gather in it, and go no further.
     *
     * @param owner owns the result
     * @param x whose numbers it shares
     * @return the leaf
     */
    public static NDArray leaf(NDManager owner, NDArray x) {
        NDArray leaf = x.stopGradient();
        leaf.attach(owner);
        leaf.setRequiresGradient(true);
        return leaf;
    }

    /**
     * Adds to the gradients of all leaves that a number was computed from. Frees its graph.
     *
     * @param loss a single number
     */
    public static void backward(NDArray loss) {
        try (NDArray one = loss.getManager().create(1f)) {
            JniUtils.backward((PtNDArray) loss, (PtNDArray) one, false, false);
        }
    }

    /**
     * The same from an array whose own gradient is known.
     *
     * @param y computed from leaves
     * @param gradient of its shape
     */
    public static void backward(NDArray y, NDArray gradient) {
        JniUtils.backward((PtNDArray) y, (PtNDArray) gradient, false, false);
    }

    /**
     * @param owner owns the result
     * @param leaf a leaf
     * @return what has gathered in it, the array itself and no copy; empty if nothing ever reached it
     */
    public static Optional<NDArray> gradient(NDManager owner, NDArray leaf) {
        PtNDArray gradient = JniUtils.getGradient((PtNDArray) leaf);
        if (gradient == null) {
            return Optional.empty();
        }
        gradient.attach(owner);
        return Optional.of(gradient);
    }

    /**
     * @param leaf whose gradient becomes zero
     */
    public static void zeroGradient(NDArray leaf) {
        JniUtils.zeroGrad((PtNDArray) leaf);
    }
}
