package io.m3j.core.torch;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The type a model computes in. */
public enum Precision {
    /** 32-bit float: the reference. */
    FLOAT32(6, 4),
    /** bfloat16 weights and activations; norms and logits in float32. */
    BFLOAT16(15, 2);

    private final int typeNumber;
    private final int bytes;

    Precision(int typeNumber, int bytes) {
        this.typeNumber = typeNumber;
        this.bytes = bytes;
    }

    /**
     * @return bytes of one weight
     */
    public int bytes() {
        return bytes;
    }

    /**
     * @return ATen's number of the type (c10/core/ScalarType.h)
     */
    int typeNumber() {
        return typeNumber;
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
