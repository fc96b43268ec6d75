package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;

/** Rows of logits. */
final class Rows {

    private Rows() {}

    /** The last of [L, V]. */
    static float[] last(NDArray logits) {
        float[] all = logits.toFloatArray();
        return Arrays.copyOfRange(all, all.length - (int) logits.getShape().get(1), all.length);
    }
}
