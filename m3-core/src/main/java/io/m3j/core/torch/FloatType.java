package io.m3j.core.torch;

import io.m3j.core.weights.ElementType;

/** The floating-point types that arrays of a model have. */
public enum FloatType {
    /** 32-bit float. */
    FLOAT32(6, 4),
    /** The upper half of a 32-bit float. Must never cross into a method of NDArray. */
    BFLOAT16(15, 2);

    private final int number;
    private final int bytes;

    FloatType(int number, int bytes) {
        this.number = number;
        this.bytes = bytes;
    }

    /**
     * @param stored a floating-point type of a checkpoint
     * @return the type that holds its numbers; float64 is rounded
     */
    public static FloatType holding(ElementType stored) {
        return stored == ElementType.BFLOAT16 ? BFLOAT16 : FLOAT32;
    }

    /**
     * @return bytes of one element
     */
    public int bytes() {
        return bytes;
    }

    /**
     * @return ATen's number of the type (c10/core/ScalarType.h)
     */
    int number() {
        return number;
    }
}
