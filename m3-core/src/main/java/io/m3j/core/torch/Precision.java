package io.m3j.core.torch;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;

/** The type that the linear layers of a model compute in. */
public enum Precision {
    /** 32-bit float: the reference. */
    FLOAT32,
    /** bfloat16 weights and activations; sums, softmax and logits in float32. */
    BFLOAT16,
    /** 8-bit weights with a scale for each output, activations quantised row by row; else bfloat16. */
    INT8,
    /** 4-bit weights in groups of {@value #INT4_GROUP} with a step and an offset each; else bfloat16. */
    INT4;

    /** Weights of one row that share a step and an offset in int4; the kernels' text takes it from here. */
    public static final int INT4_GROUP = 32;

    /** From so many rows on, int4 multiplies unpacked weights, where the processor has that way. */
    public static final int INT4_UNPACKED_FROM = 96;

    /** ATen packs so many rows of an int4 weight together, and takes no other multiple. */
    private static final int INT4_ROWS = 16;

    /**
     * @return whether weights are rounded to levels with scales beside them
     */
    public boolean quantises() {
        return this == INT8 || this == INT4;
    }

    /**
     * @param weight the sizes of a linear layer
     * @return whether such a layer can be computed in this precision
     */
    public boolean holds(MatrixShape weight) {
        return this != INT4
                || (weight.inputs() % INT4_GROUP == 0 && weight.outputs() % INT4_ROWS == 0);
    }

    /**
     * The precision of layers that all take one form: this one, or the next one up that can hold all
     * of them, which for int4 is int8.
     *
     * @param weights the sizes of the layers
     * @return the precision that is used for them
     */
    public Precision fitting(Collection<MatrixShape> weights) {
        return weights.stream().allMatch(this::holds) ? this : INT8;
    }

    /**
     * The precision of parts that always read many rows at once, and are small enough to be copied: tower
     * and projector. int4 is slower and worse than int8 there.
     *
     * @return this one, or int8 for int4
     */
    public Precision ofManyRows() {
        return this == INT4 ? INT8 : this;
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
