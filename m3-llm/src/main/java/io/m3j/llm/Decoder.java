package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import java.util.ArrayList;
import java.util.List;

/**
 * A decoder of the LLaMA family (Touvron et al., arXiv 2302.13971): token embeddings, layers of
 * causal attention and gated feed-forward, each normed before and added to its input, a last norm and
 * the output head. The names of the parts are those of Hugging Face's {@code modeling_llama}.
 *
 * <pre>
 * ids [L] → embeddings [1, L, D] → layers [1, L, D] → norm, head → logits [L, V]
 * </pre>
 *
 * <p>Its arrays belong to the manager that the weights were loaded to. Safe for use by several
 * threads, each with a cache of its own.
 */
final class Decoder {

    /** One layer: what the two kernels take, in their order. */
    private record Layer(List<NDArray> attention, List<NDArray> mlp) {}

    private final Kernels kernels;
    private final DecoderConfig config;
    private final Precision precision;
    private final RotaryEmbedding rotary;
    private final NDArray embeddings; // [V, D]
    private final List<Layer> layers;
    private final NDArray norm; //       [D]
    private final NDArray head; //       [V, D]

    /**
     * @param weights names beginning with {@code decoder.}
     * @param manager owns what is computed once, the rotary tables
     * @param config the sizes
     */
    Decoder(Weights weights, NDManager manager, DecoderConfig config) {
        this.kernels = weights.kernels();
        this.config = config;
        this.precision = weights.precision();
        this.rotary = new RotaryEmbedding(kernels, manager, config, precision);
        long vocabulary = config.vocabularySize();
        long width = config.hiddenSize();
        this.embeddings = weights.get("decoder.embed_tokens.weight", vocabulary, width);
        this.layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            layers.add(layer(weights, "decoder.layers." + i + "."));
        }
        this.norm = weights.get("decoder.norm.weight", width);
        boolean tied = config.tiedHead() && !weights.has("decoder.lm_head.weight");
        this.head = tied ? embeddings : weights.get("decoder.lm_head.weight", vocabulary, width);
    }

    private Layer layer(Weights weights, String prefix) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        long queries = (long) config.heads() * config.headSize();
        long keys = (long) config.keyValueHeads() * config.headSize();
        String self = prefix + "self_attn.";
        String mlp = prefix + "mlp.";
        return new Layer(
                List.of(
                        weights.get(prefix + "input_layernorm.weight", width),
                        weights.get(self + "q_proj.weight", queries, width),
                        weights.get(self + "k_proj.weight", keys, width),
                        weights.get(self + "v_proj.weight", keys, width),
                        weights.get(self + "o_proj.weight", width, queries),
                        weights.getOrEmpty(self + "q_proj.bias", queries),
                        weights.getOrEmpty(self + "k_proj.bias", keys),
                        weights.getOrEmpty(self + "v_proj.bias", keys),
                        weights.getOrEmpty(self + "o_proj.bias", width)),
                List.of(
                        weights.get(prefix + "post_attention_layernorm.weight", width),
                        weights.get(mlp + "gate_proj.weight", inner, width),
                        weights.get(mlp + "up_proj.weight", inner, width),
                        weights.get(mlp + "down_proj.weight", width, inner),
                        weights.getOrEmpty(mlp + "gate_proj.bias", inner),
                        weights.getOrEmpty(mlp + "up_proj.bias", inner),
                        weights.getOrEmpty(mlp + "down_proj.bias", width)));
    }

    /**
     * @return the sizes
     */
    DecoderConfig config() {
        return config;
    }

    /**
     * @param capacity positions of prompt and answer
     * @return an empty cache, to be closed by the caller
     */
    KvCache newCache(int capacity) {
        return new KvCache(kernels, config, precision, capacity);
    }

    /**
     * Rows of the embedding table.
     *
     * @param owner owns the result
     * @param ids each from 0 to V − 1, which the caller has checked
     * @return [L, D] in the decoder's precision
     */
    NDArray embed(NDManager owner, long... ids) {
        try (NDManager scope = owner.newSubManager()) {
            return kernels.embed(owner, embeddings, scope.create(ids, new Shape(ids.length)));
        }
    }

    /**
     * Reads L more positions.
     *
     * @param owner owns the result
     * @param x their embeddings [1, L, D] in the decoder's precision
     * @param cache the positions before; takes these in
     * @param lastOnly whether the logits of the last position alone are wanted
     * @return float32 [1, 1 or L, V]
     */
    NDArray forward(NDManager owner, NDArray x, KvCache cache, boolean lastOnly) {
        int length = Math.toIntExact(x.getShape().get(1));
        cache.require(length);
        try (NDManager scope = owner.newSubManager()) {
            RotaryEmbedding.Rows rows = rotary.rows(scope, cache.length(), length);
            NDManager here = scope.newSubManager();
            for (int i = 0; i < layers.size(); i++) {
                // One manager a layer: what the layer before left is freed as soon as it is read.
                NDManager next = scope.newSubManager();
                x = layer(next, i, x, rows, cache);
                here.close();
                here = next;
            }
            cache.advance(length);
            return logits(owner, x, lastOnly);
        }
    }

    /**
     * One layer.
     *
     * @param owner owns the result
     * @param index which layer
     * @param x [1, L, D]
     * @param rows of the positions of x
     * @param cache the positions before
     * @return [1, L, D]
     */
    NDArray layer(NDManager owner, int index, NDArray x, RotaryEmbedding.Rows rows, KvCache cache) {
        Layer layer = layers.get(index);
        x =
                kernels.decoderAttention(
                        owner,
                        x,
                        layer.attention(),
                        rows.cosines(),
                        rows.sines(),
                        cache.keys(index),
                        cache.values(index),
                        config.heads(),
                        cache.length(),
                        config.rmsNormEpsilon()); // [1, L, D]
        return kernels.decoderMlp(owner, x, layer.mlp(), config.rmsNormEpsilon()); // [1, L, D]
    }

    /**
     * @return the rotary rows, for callers of {@link #layer}
     */
    RotaryEmbedding rotary() {
        return rotary;
    }

    private NDArray logits(NDManager owner, NDArray x, boolean lastOnly) {
        return kernels.decoderLogits(owner, x, norm, head, config.rmsNormEpsilon(), lastOnly);
    }
}
