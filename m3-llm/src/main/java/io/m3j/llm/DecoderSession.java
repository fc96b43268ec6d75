package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Lifetime;
import io.m3j.core.torch.Kernels;
import io.m3j.llm.generate.LogitSource;
import java.util.function.Function;

/**
 * One request: a prompt's embeddings, then a cache that is filled by one id at a time. Nothing is
 * allocated before the first is asked for.
 */
final class DecoderSession implements LogitSource {

    private final Kernels kernels;
    private final Decoder decoder;
    private final Lifetime model;
    private final Function<NDManager, NDArray> prompt;
    private final int capacity;
    private KvCache cache;

    /**
     * @param kernels to make managers with
     * @param decoder that reads
     * @param model kept open during each step, not between them
     * @param prompt makes the prompt's embeddings [L, D]
     * @param capacity positions of prompt and answer together
     */
    DecoderSession(
            Kernels kernels,
            Decoder decoder,
            Lifetime model,
            Function<NDManager, NDArray> prompt,
            int capacity) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.model = model;
        this.prompt = prompt;
        this.capacity = capacity;
    }

    @Override
    public float[] prefill() {
        return read(prompt);
    }

    @Override
    public float[] step(long id) {
        return read(scope -> decoder.embed(scope, id)); // [1, D]
    }

    private float[] read(Function<NDManager, NDArray> embeddings) {
        return model.during(
                () -> {
                    if (cache == null) {
                        cache = decoder.newCache(capacity);
                    }
                    try (NDManager scope = kernels.newManager()) {
                        NDArray x = embeddings.apply(scope);
                        return decoder.forward(scope, x, cache, true).toFloatArray();
                    }
                });
    }

    @Override
    public void close() {
        if (cache != null) {
            cache.close();
        }
    }
}
