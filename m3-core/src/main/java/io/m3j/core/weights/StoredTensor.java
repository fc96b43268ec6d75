package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A tensor as it lies in a checkpoint: plain bytes, no native memory of the engine.
 *
 * @param name the name in the checkpoint
 * @param type the element type
 * @param shape the sizes of its dimensions; a scalar has none
 * @param data the elements in row-major order, little-endian, from position to limit; direct and
 *     mapped from the file where the file allows it, and then read-only and valid as long as the
 *     buffer is reachable
 */
public record StoredTensor(String name, ElementType type, Shape shape, ByteBuffer data) {

    /** Checks that the bytes are as many as the shape asks for. */
    public StoredTensor {
        long expected = new TensorInfo(name, type, shape).byteCount();
        if (data.remaining() != expected) {
            throw new M3Exception(
                    "tensor "
                            + Names.shown(name)
                            + ": "
                            + type.safetensorsName()
                            + " of shape "
                            + shape
                            + " needs "
                            + expected
                            + " bytes, found "
                            + data.remaining());
        }
        data = data.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * @return name, type and shape
     */
    public TensorInfo info() {
        return new TensorInfo(name, type, shape);
    }

    /**
     * @param other another name
     * @return the same numbers under it
     */
    public StoredTensor named(String other) {
        return new StoredTensor(other, type, shape, data);
    }

    /**
     * A view of its own, so that readers in several threads do not share a position.
     *
     * @return the elements, little-endian
     */
    @Override
    public ByteBuffer data() {
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }
}
