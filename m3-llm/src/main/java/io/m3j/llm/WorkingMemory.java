package io.m3j.llm;

import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.vision.ClipVisionConfig;

/**
 * Bytes that a pass through a model takes at most beside weights and KV cache: what lies in memory at
 * once in the kernels {@code clip_attention}, {@code clip_mlp}, {@code decoder_attention} and {@code
 * decoder_mlp}, in the order of their steps. They hold one layer at a time. Kernels of our own go the
 * same steps in fewer operators, and hold no scores.
 *
 * @param decoder sizes of the decoder
 * @param vision sizes of the tower
 * @param precision of the model
 * @param tiles of the picture that has most: they pass through the tower as one batch
 * @param own kernels that it runs by
 */
public record WorkingMemory(
        DecoderConfig decoder,
        ClipVisionConfig vision,
        Precision precision,
        int tiles,
        OwnKernels own) {

    private static final int FLOAT32 = Float.BYTES;

    private int bytes() {
        return precision.activations().bytes();
    }

    private boolean isOwn() {
        return precision.quantises()
                ? own.quantised()
                : precision == Precision.BFLOAT16 && own.bfloat16();
    }

    /**
     * What a linear layer takes beside its rows of many numbers: libtorch's int8 brings them to float32,
     * and to 8 bits twice; ours to 8 bits and their sums, or to bfloat16 twice, one by one and beside one
     * another.
     */
    private long preparing(long numbers, Precision layers) {
        if (isOwn()) {
            return (layers.quantises() ? 2L : 4L) * numbers;
        }
        return layers == Precision.INT8 ? (FLOAT32 + 2L) * numbers : 0;
    }

    /** Of many rows libtorch's int4 brings the weights of a layer to bfloat16, twice. */
    private long unpacking(long rows) {
        boolean unpacks =
                precision == Precision.INT4
                        && rows >= Precision.INT4_UNPACKED_FROM
                        && !own.quantised();
        return unpacks ? 4L * 2 * decoder.intermediateSize() * decoder.hiddenSize() : 0;
    }

    /** Scores and shares, which kernels of our own hold for a few rows at a time. */
    private long scores(long numbers) {
        return isOwn() ? 0 : bytes() * 2 * numbers;
    }

    /**
     * @return bytes of encoding one picture
     */
    public long encode() {
        long tokens = 1L + (long) vision.gridSide() * vision.gridSide();
        long rows = tokens * vision.hiddenSize();
        long inner = tokens * vision.intermediateSize();
        long scores = vision.heads() * tokens * tokens;
        // x, q|k|v apart, q scaled; then scores and shares
        long attention = bytes() * 5 * rows + scores(scores);
        // x, normed, fc1; then its activation, as the layer takes it
        long mlp = bytes() * (2 * rows + 2 * inner) + preparing(inner, precision.ofManyRows());
        long pixels = 2L * 3 * FLOAT32 * vision.imageSize() * vision.imageSize();
        return tiles * (Math.max(attention, mlp) + pixels);
    }

    /**
     * @param rows new positions of one sequence that pass at once
     * @return bytes of reading them, with the logits of the last
     */
    public long prefill(long rows) {
        long width = rows * decoder.hiddenSize();
        long inner = rows * decoder.intermediateSize();
        long queries = rows * decoder.heads() * decoder.headSize();
        long keys = 2 * rows * decoder.keyValueHeads() * decoder.headSize();
        long scores = decoder.heads() * Math.min(rows, Sequence.BLOCK) * rows;
        // x and normed; q|k|v, turned, scaled, mixed; scores and shares of a block
        long attention = bytes() * (2 * width + 4 * queries + 2 * keys) + scores(scores);
        // x and normed; gate|up and their product, as the layer takes it; or the weights that int4
        // unpacks
        long product = Math.max(unpacking(rows), preparing(inner, precision));
        long mlp = bytes() * (2 * width + 3 * inner) + product;
        return Math.max(attention, mlp) + logits(1);
    }

    /**
     * @param rows positions whose logits are wanted
     * @return bytes of them, in the type of activations and in float32
     */
    public long logits(long rows) {
        int each = bytes() == FLOAT32 ? FLOAT32 : bytes() + FLOAT32;
        return rows * decoder.vocabularySize() * each;
    }

    /**
     * @param positions of a sequence
     * @return bytes of their keys and values
     */
    public long cache(long positions) {
        return positions * decoder.cacheElementsPerPosition() * bytes();
    }
}
