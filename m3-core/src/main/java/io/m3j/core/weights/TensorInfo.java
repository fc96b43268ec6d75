package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;

/**
 * What a checkpoint says of a tensor before it is read.
 *
 * @param name the name in the checkpoint
 * @param type the element type
 * @param shape the sizes of its dimensions; a scalar has none
 */
public record TensorInfo(String name, ElementType type, Shape shape) {

    /** Checks that no dimension is negative and that the bytes can be counted. */
    public TensorInfo {
        byteCount(name, type, shape.getShape());
    }

    /**
     * @return bytes of all elements
     */
    public long byteCount() {
        return byteCount(name, type, shape.getShape());
    }

    /**
     * Counts with care: sizes come from files that nobody vouches for.
     *
     * @return bytes of all elements
     * @throws M3Exception if a dimension is negative or the count does not fit a long
     */
    private static long byteCount(String name, ElementType type, long[] shape) {
        long bytes = type.bytes();
        boolean empty = false;
        boolean overflow = false;
        for (long size : shape) {
            if (size < 0) {
                throw new M3Exception(
                        "tensor "
                                + Names.shown(name)
                                + ": a dimension of size "
                                + size
                                + ", expected 0 or more");
            }
            empty |= size == 0;
            overflow |= Math.multiplyHigh(bytes, size) != 0 || bytes * size < 0;
            bytes *= size;
        }
        if (overflow && !empty) {
            throw new M3Exception(
                    "tensor "
                            + Names.shown(name)
                            + ": the product of its "
                            + shape.length
                            + " dimensions is more bytes than any file has");
        }
        return empty ? 0 : bytes;
    }
}
