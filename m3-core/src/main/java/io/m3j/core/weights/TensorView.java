package io.m3j.core.weights;

/**
 * A tensor as PyTorch pickles it: a view of a storage.
 *
 * @param type the element type
 * @param storage where its elements lie
 * @param offset elements before its first one, within the storage
 * @param shape sizes of its dimensions
 * @param strides elements from one index to the next, for each dimension
 */
record TensorView(ElementType type, Storage storage, long offset, long[] shape, long[] strides) {

    /**
     * A run of elements that several tensors may share.
     *
     * @param key its name in the file
     * @param type the element type; null for one of bytes
     * @param elements how many elements (bytes where there is no type) it has
     * @param start bytes of its root storage before it, for views of storages in the old format
     */
    record Storage(String key, ElementType type, long elements, long start) {

        /** Bytes of one element. */
        int elementBytes() {
            return type == null ? 1 : type.bytes();
        }

        /** Bytes of all elements. */
        long bytes() {
            return Math.multiplyExact(elements, (long) elementBytes());
        }
    }

    /** Whether the elements lie in row-major order without gaps. */
    boolean contiguous() {
        long expected = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            if (shape[i] != 1 && strides[i] != expected) {
                return empty();
            }
            expected *= shape[i];
        }
        return true;
    }

    /** Whether there are no elements. */
    boolean empty() {
        for (long size : shape) {
            if (size == 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Elements from the first to the last that the view touches, both included.
     *
     * @throws ArithmeticException if there are more than a long counts
     */
    long span() {
        if (empty()) {
            return 0;
        }
        long last = 0;
        for (int i = 0; i < shape.length; i++) {
            last = Math.addExact(last, Math.multiplyExact(shape[i] - 1, strides[i]));
        }
        return Math.addExact(last, 1L);
    }
}
