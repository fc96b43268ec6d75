package io.m3j.core.torch;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The type that the linear layers of a model compute in. */
public enum Precision {
    /** 32-bit float: the reference. */
    FLOAT32(4),
    /** bfloat16 weights and activations; sums, softmax and logits in float32. */
    BFLOAT16(2),
    /** 8-bit weights with a scale for each output, activations quantised row by row; else bfloat16. */
    INT8(1),
    /** 4-bit weights in groups of 32 with a scale and an offset each; else bfloat16. */
    INT4(0.625);

    /** Weights of one row that share a scale; the kernels name it too. */
    private static final int INT4_GROUP = 32;

    private final double bytesPerWeight;

    Precision(double bytesPerWeight) {
        this.bytesPerWeight = bytesPerWeight;
    }

    /**
     * @return bytes of one weight of a linear layer, its share of scales included
     */
    public double bytesPerWeight() {
        return bytesPerWeight;
    }

    /**
     * @param inputs columns of a weight
     * @return whether a linear layer of so many inputs can be computed in this precision
     */
    public boolean holds(long inputs) {
        return this != INT4 || inputs % INT4_GROUP == 0;
    }

    /**
     * @return the type of activations, norms, embeddings and KV cache
     */
    public FloatType activations() {
        return this == FLOAT32 ? FloatType.FLOAT32 : FloatType.BFLOAT16;
    }

    /**
     * @return the name on the command line, such as {@code float32}
     */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * @param label a name such as {@code bfloat16}
     * @return the precision
     * @throws M3Exception if there is none of that name
     */
    public static Precision of(String label) {
        return Arrays.stream(values())
                .filter(precision -> precision.label().equals(label))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "precision "
                                                + label
                                                + ": expected one of "
                                                + Arrays.stream(values())
                                                        .map(Precision::label)
                                                        .collect(Collectors.joining(", "))));
    }
}
