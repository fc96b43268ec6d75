package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.List;

/**
 * One linear layer, or several of the same input fused into one, in the form that its kernel takes.
 *
 * @param form how the weight is stored
 * @param weight the weight, [outputs, inputs] or packed
 * @param bias [outputs], empty if there is none
 * @param scales what the form needs beside the weight, else empty
 * @param zeros what the form needs beside the weight, else empty
 */
public record Linear(Form form, NDArray weight, NDArray bias, NDArray scales, NDArray zeros) {

    /** How a weight is stored; the order is that of the kernel {@code linear}. */
    public enum Form {
        /** As ATen takes it; any type, any device. */
        PLAIN,
        /** float32 or bfloat16, reordered by oneDNN. */
        PACKED,
        /** bfloat16, where it lies. */
        BFLOAT16,
        /** 8 bits, reordered by oneDNN where there is oneDNN. */
        INT8,
        /** 4 bits, packed by ATen where oneDNN is, else two a byte. */
        INT4,
        /** As INT8 with 7 bits for activations, for processors without AVX-512. */
        INT8_NARROW,
        /** 8 bits, packed for the kernels of {@link NativeKernels}. */
        INT8_NATIVE,
        /** 4 bits, packed for them. */
        INT4_NATIVE,
        /** bfloat16, where it lies, multiplied by them. */
        BFLOAT16_NATIVE
    }

    /** Rows of a sequence that {@link Form#BFLOAT16_NATIVE} multiplies together. */
    public static final int BLOCK = 32;

    /**
     * The operands of a kernel: some arrays, then those of each layer in turn.
     *
     * @param first norms and the like
     * @param layers linear layers of one form
     * @return the list that the kernel takes
     */
    public static List<NDArray> operands(List<NDArray> first, List<Linear> layers) {
        List<NDArray> operands = new ArrayList<>(first);
        for (Linear layer : layers) {
            operands.addAll(List.of(layer.weight, layer.bias, layer.scales, layer.zeros));
        }
        return List.copyOf(operands);
    }
}
