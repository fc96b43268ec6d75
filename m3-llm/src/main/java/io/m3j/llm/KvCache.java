package io.m3j.llm;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.DecoderKernels;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of the positions that a decoder has read, allocated once for the longest sequence
 * of a request and written in place.
 *
 * <p>Owns native memory: whoever makes it closes it. For one thread at a time.
 */
final class KvCache implements AutoCloseable {

    private final Kernels kernels;
    private final NDManager manager;
    private final long bytes;
    private final List<NDArray> keys = new ArrayList<>();
    private final List<NDArray> values = new ArrayList<>();
    private final int capacity;
    private int length;

    /**
     * @param kernels to allocate with
     * @param config the decoder's sizes
     * @param precision that the decoder computes in
     * @param capacity positions it can hold
     */
    KvCache(Kernels kernels, DecoderConfig config, Precision precision, int capacity) {
        this.kernels = kernels;
        this.capacity = capacity;
        this.bytes = bytes(config, precision, capacity);
        long free = AvailableMemory.bytes(kernels.device());
        if (bytes > free) {
            throw tooLarge("the " + (free >> 20) + " MiB that are free", null);
        }
        this.manager = kernels.newManager();
        try {
            for (int layer = 0; layer < config.layers(); layer++) {
                keys.add(allocate(config, precision));
                values.add(allocate(config, precision));
            }
        } catch (EngineException e) {
            manager.close();
            throw tooLarge(Devices.label(kernels.device()) + " has free", e);
        }
    }

    /**
     * @param config the decoder's sizes
     * @param precision that the decoder computes in
     * @param capacity positions
     * @return what a cache of that capacity takes
     */
    static long bytes(DecoderConfig config, Precision precision, int capacity) {
        return config.cacheElementsPerPosition() * capacity * precision.activations().bytes();
    }

    private M3Exception tooLarge(String free, EngineException cause) {
        return new M3Exception(
                "KV cache: "
                        + capacity
                        + " positions of prompt and answer take "
                        + (bytes >> 20)
                        + " MiB, more than "
                        + free
                        + "; ask for fewer new tokens, a coarser scale, or bfloat16",
                cause);
    }

    private NDArray allocate(DecoderConfig config, Precision precision) {
        return kernels.zeros(
                manager,
                precision.activations(),
                config.keyValueHeads(),
                capacity,
                config.headSize());
    }

    /**
     * @param layer which layer
     * @return [G, capacity, E]
     */
    NDArray keys(int layer) {
        return keys.get(layer);
    }

    /**
     * @param layer which layer
     * @return [G, capacity, E]
     */
    NDArray values(int layer) {
        return values.get(layer);
    }

    /**
     * @return what this takes
     */
    long bytes() {
        return bytes;
    }

    /**
     * @return positions held
     */
    int length() {
        return length;
    }

    /**
     * @return positions that can still be added
     */
    int free() {
        return capacity - length;
    }

    /**
     * @return positions that it can hold
     */
    int capacity() {
        return capacity;
    }

    /**
     * Forgets all but the first positions; the next ones are written over them.
     *
     * @param positions that stay, at most {@link #length}
     */
    void rollBack(int positions) {
        if (positions > length) {
            throw new IllegalArgumentException(positions + " of " + length + " positions");
        }
        length = positions;
    }

    /**
     * @param positions to be written by the caller's next pass
     * @throws M3Exception if they do not fit
     */
    void require(int positions) {
        if (positions > free()) {
            throw new M3Exception(
                    "KV cache: "
                            + positions
                            + " positions asked for, "
                            + free()
                            + " of "
                            + capacity
                            + " are free");
        }
    }

    /**
     * @param positions that every layer has written
     */
    void advance(int positions) {
        require(positions);
        length += positions;
    }

    /**
     * Fills this, still empty, with the first positions of another of the same decoder.
     *
     * @param other that holds them; not changed
     * @param positions how many
     */
    void copyFrom(KvCache other, int positions) {
        DecoderKernels copying = new DecoderKernels(kernels);
        try (NDManager scope = kernels.newManager()) {
            for (int layer = 0; layer < keys.size(); layer++) {
                copying.copyPositions(scope, keys(layer), other.keys(layer), positions);
                copying.copyPositions(scope, values(layer), other.values(layer), positions);
            }
        }
        advance(positions);
    }

    @Override
    public void close() {
        manager.close();
    }
}
