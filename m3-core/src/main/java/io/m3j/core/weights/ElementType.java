package io.m3j.core.weights;

import java.util.Arrays;
import java.util.Optional;

/** The element types a checkpoint may hold; all are little-endian on disk and in memory. */
public enum ElementType {
    /** 64-bit float. */
    FLOAT64(8, "F64"),
    /** 32-bit float. */
    FLOAT32(4, "F32"),
    /** 16-bit float, 5 bits of exponent. */
    FLOAT16(2, "F16"),
    /** 16-bit float, 8 bits of exponent: the upper half of a float32. */
    BFLOAT16(2, "BF16"),
    /** 64-bit integer. */
    INT64(8, "I64"),
    /** 32-bit integer. */
    INT32(4, "I32"),
    /** 16-bit integer. */
    INT16(2, "I16"),
    /** 8-bit integer. */
    INT8(1, "I8"),
    /** 8-bit unsigned integer. */
    UINT8(1, "U8"),
    /** One byte, 0 or 1. */
    BOOLEAN(1, "BOOL");

    private final int bytes;
    private final String safetensorsName;

    ElementType(int bytes, String safetensorsName) {
        this.bytes = bytes;
        this.safetensorsName = safetensorsName;
    }

    /**
     * @return bytes of one element
     */
    public int bytes() {
        return bytes;
    }

    /**
     * @return the name in a safetensors header
     */
    public String safetensorsName() {
        return safetensorsName;
    }

    /**
     * @return whether elements are floating-point numbers
     */
    public boolean isFloating() {
        return this == FLOAT64 || this == FLOAT32 || this == FLOAT16 || this == BFLOAT16;
    }

    /**
     * @param name the name in a safetensors header
     * @return its type; empty if no checkpoint of ours holds that type
     */
    public static Optional<ElementType> ofSafetensors(String name) {
        return Arrays.stream(values())
                .filter(type -> type.safetensorsName.equals(name))
                .findFirst();
    }
}
