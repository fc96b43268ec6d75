package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;

/**
 * What a checkpoint says of a tensor before it is read.
 *
 * @param name the name in the checkpoint
 * @param type the element type
 * @param shape the sizes of its dimensions; a scalar has none
 */
public record TensorInfo(String name, ElementType type, Shape shape) {

    /**
     * @return bytes of all elements
     */
    public long byteCount() {
        return shape.size() * type.bytes();
    }
}
