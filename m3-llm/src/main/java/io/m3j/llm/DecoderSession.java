package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Lifetime;
import io.m3j.core.torch.Kernels;
import io.m3j.llm.generate.LogitSource;
import java.util.function.Function;

/** One request by itself: its prompt in one pass, then one id after another. */
final class DecoderSession implements LogitSource {

    private final Kernels kernels;
    private final Decoder decoder;
    private final Lifetime model;
    private final Sequence sequence;

    /**
     * @param kernels to make managers with
     * @param decoder that reads
     * @param model kept open during each step, not between them
     * @param sequence the prompt; closed with this
     */
    DecoderSession(Kernels kernels, Decoder decoder, Lifetime model, Sequence sequence) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.model = model;
        this.sequence = sequence;
    }

    @Override
    public float[] prefill() {
        return read(sequence::prompt); // [L, D]
    }

    @Override
    public float[] step(long id) {
        return read(scope -> decoder.embed(scope, id)); // [1, D]
    }

    private float[] read(Function<NDManager, NDArray> embeddings) {
        return model.during(
                () -> {
                    try (NDManager scope = kernels.newManager()) {
                        NDArray x = embeddings.apply(scope);
                        NDArray logits = decoder.forward(scope, x, sequence.cache(), true);
                        float[] numbers = logits.toFloatArray();
                        sequence.rowsRead();
                        return numbers;
                    }
                });
    }

    @Override
    public void close() {
        sequence.close();
    }
}
