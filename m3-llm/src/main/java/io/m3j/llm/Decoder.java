package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.DecoderKernels;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Linear;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.Precision;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A decoder of the LLaMA family (Touvron et al., arXiv 2302.13971): token embeddings, layers of
 * causal attention and gated feed-forward, each normed before and added to its input, a last norm and
 * the output head. The names of the parts are those of Hugging Face's {@code modeling_llama}.
 *
 * <pre>
 * ids [L] → embeddings [L, D] → layers [L, D] → norm, head → logits [L, V]
 * </pre>
 *
 * <p>Its arrays belong to the manager that the weights were loaded to. Safe for use by several
 * threads, each with a cache of its own.
 */
final class Decoder {

    /** Our name of the output head. */
    static final String HEAD = "decoder.lm_head";

    /** One layer: what its two sublayers take, in their order. */
    private record Layer(Linear.Form form, List<NDArray> attention, List<NDArray> mlp) {}

    /**
     * New rows of one sequence.
     *
     * @param cache the positions before; takes the new ones in
     * @param length how many rows
     */
    record Span(KvCache cache, int length) {}

    private final Kernels kernels;
    private final DecoderKernels decoderKernels;
    private final DecoderConfig config;
    private final Precision precision;
    private final RotaryEmbedding rotary;
    private final NDArray embeddings; // [V, D]
    private final DecoderKernels.Layers layers;
    private final List<NDArray> head; // norm [D], then the operands of the head [V, D]
    private final Linear.Form headForm;

    /**
     * @param weights names beginning with {@code decoder.}
     * @param manager owns what is computed once, the rotary tables
     * @param config the sizes
     */
    Decoder(Weights weights, NDManager manager, DecoderConfig config) {
        this.kernels = weights.kernels();
        this.decoderKernels = new DecoderKernels(kernels);
        this.config = config;
        this.precision = weights.precision();
        this.rotary = new RotaryEmbedding(kernels, manager, config, precision.activations());
        long vocabulary = config.vocabularySize();
        long width = config.hiddenSize();
        String table = "decoder.embed_tokens";
        this.embeddings = weights.get(table + ".weight", vocabulary, width);
        this.layers = layers(weights.fitting(linearLayers(config)));
        // A head of its own in the file counts for nothing where the config ties it: transformers
        // ties last. But the levels of a tied head are a tensor of their own.
        MatrixShape shape = headOf(config);
        boolean own = !config.tiedHead() || weights.hasLevels(shape.name());
        String headName = own ? shape.name() : table;
        Weights inHead = weights.fitting(List.of(shape));
        Linear out = inHead.linear(headName, vocabulary, width, false);
        NDArray norm = weights.get("decoder.norm.weight", width);
        this.head = Linear.operands(List.of(norm), List.of(out));
        this.headForm = out.form();
    }

    /**
     * @param config the decoder's sizes
     * @return the linear layers of the first of its layers, by whose sizes all others go
     */
    static List<MatrixShape> linearLayers(DecoderConfig config) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        long queries = (long) config.heads() * config.headSize();
        long keys = (long) config.keyValueHeads() * config.headSize();
        String layer = "decoder.layers.0.";
        return List.of(
                new MatrixShape(layer + "self_attn.q_proj", queries, width),
                new MatrixShape(layer + "self_attn.k_proj", keys, width),
                new MatrixShape(layer + "self_attn.v_proj", keys, width),
                new MatrixShape(layer + "self_attn.o_proj", width, queries),
                new MatrixShape(layer + "mlp.gate_proj", inner, width),
                new MatrixShape(layer + "mlp.up_proj", inner, width),
                new MatrixShape(layer + "mlp.down_proj", width, inner));
    }

    /**
     * @param config the decoder's sizes
     * @return the size of the output head, which has a form of its own
     */
    static MatrixShape headOf(DecoderConfig config) {
        return new MatrixShape(HEAD, config.vocabularySize(), config.hiddenSize());
    }

    private DecoderKernels.Layers layers(Weights weights) {
        List<NDArray> all = new ArrayList<>();
        Layer layer = null; // all have the same sizes
        for (int i = 0; i < config.layers(); i++) {
            layer = layer(weights, "decoder.layers." + i + ".");
            all.addAll(layer.attention());
            all.addAll(layer.mlp());
        }
        return new DecoderKernels.Layers(
                all,
                layer.attention().size(),
                layer.mlp().size(),
                layer.form(),
                weights.fuses(),
                config.heads(),
                config.rmsNormEpsilon());
    }

    private Layer layer(Weights weights, String prefix) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        long queries = (long) config.heads() * config.headSize();
        long keys = (long) config.keyValueHeads() * config.headSize();
        String self = prefix + "self_attn.";
        String mlp = prefix + "mlp.";
        List<Linear> attention =
                new ArrayList<>(
                        weights.fused(
                                List.of(self + "q_proj", self + "k_proj", self + "v_proj"),
                                new long[] {queries, keys, keys},
                                width,
                                config.attentionBias()));
        attention.add(weights.linear(self + "o_proj", width, queries, config.attentionBias()));
        List<Linear> feedForward =
                new ArrayList<>(
                        weights.fused(
                                List.of(mlp + "gate_proj", mlp + "up_proj"),
                                new long[] {inner, inner},
                                width,
                                config.mlpBias()));
        feedForward.add(weights.linear(mlp + "down_proj", width, inner, config.mlpBias()));
        NDArray before = weights.get(prefix + "input_layernorm.weight", width);
        NDArray between = weights.get(prefix + "post_attention_layernorm.weight", width);
        return new Layer(
                attention.get(0).form(),
                Linear.operands(List.of(before), attention),
                Linear.operands(List.of(between), feedForward));
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
     * @param capacity positions of prompt and answer
     * @return bytes that {@link #newCache} takes
     */
    long cacheBytes(int capacity) {
        return KvCache.bytes(config, precision, capacity);
    }

    /**
     * @param length positions of a prompt
     * @return whether what is read of its beginning does not depend on what follows, so that it may be
     *     read in pieces
     */
    boolean readsInPieces(int length) {
        return !rotary.stretched(length);
    }

    /**
     * @return how many rows of a sequence, counted from its beginning, linear layers multiply together:
     *     cut between them, a row is the same to the last bit
     */
    int rowsTogether() {
        return layers.form() == Linear.Form.BFLOAT16_NATIVE ? Linear.BLOCK : 1;
    }

    /**
     * Rows of the embedding table.
     *
     * @param owner owns the result
     * @param ids each from 0 to V − 1, which the caller has checked
     * @return [L, D] in the decoder's type of activations
     */
    NDArray embed(NDManager owner, long... ids) {
        return decoderKernels.embed(owner, embeddings, ids);
    }

    /**
     * Reads more positions of one sequence.
     *
     * @param owner owns the result
     * @param x their embeddings [L, D] in the decoder's type of activations
     * @param cache the positions before; takes these in
     * @param lastOnly whether the logits of the last position alone are wanted
     * @return float32 [1 or L, V]
     */
    NDArray forward(NDManager owner, NDArray x, KvCache cache, boolean lastOnly) {
        int length = Math.toIntExact(x.getShape().get(0));
        return forward(owner, x, List.of(new Span(cache, length)), lastOnly);
    }

    /**
     * Reads more positions of one or more sequences at once. Nothing is padded: the rows of all
     * sequences pass through the linear layers as one matrix, and each attends to its own cache.
     *
     * @param owner owns the result
     * @param x the embeddings of all new rows behind one another [R, D]
     * @param spans how many of them belong to which sequence, in order
     * @param lastOnly whether the logits of each sequence's last row alone are wanted
     * @return float32 [sequences or R, V]
     */
    NDArray forward(NDManager owner, NDArray x, List<Span> spans, boolean lastOnly) {
        spans.forEach(span -> span.cache().require(span.length()));
        long[] starts = spans.stream().mapToLong(span -> span.cache().length()).toArray();
        long[] lengths = spans.stream().mapToLong(Span::length).toArray();
        try (NDManager scope = owner.newSubManager()) {
            RotaryEmbedding.Rows rows = rotary.rows(scope, starts, lengths); // [R, 1, E]
            // Behind the last layer nobody reads the other rows.
            x = layers(scope, layers, 0, x, rows, spans, starts, lengths, lastOnly); // [R, D]
            spans.forEach(span -> span.cache().advance(span.length()));
            if (lastOnly) {
                Arrays.fill(lengths, 1);
            }
            return decoderKernels.logits(
                    owner, x, head, headForm, config.rmsNormEpsilon(), lengths); // [rows, V]
        }
    }

    /**
     * One layer alone, for a look at its result.
     *
     * @param owner owns the result
     * @param index which layer
     * @param x [R, D]
     * @param rows of the positions of x
     * @param spans the sequences
     * @param starts position of the first new row of each
     * @param lengths new rows of each
     * @return [R, D]
     */
    NDArray layer(
            NDManager owner,
            int index,
            NDArray x,
            RotaryEmbedding.Rows rows,
            List<Span> spans,
            long[] starts,
            long[] lengths) {
        DecoderKernels.Layers one = layers.between(index, index + 1);
        return layers(owner, one, index, x, rows, spans, starts, lengths, false);
    }

    private NDArray layers(
            NDManager owner,
            DecoderKernels.Layers some,
            int first,
            NDArray x,
            RotaryEmbedding.Rows rows,
            List<Span> spans,
            long[] starts,
            long[] lengths,
            boolean lastOnly) {
        int count = some.weights().size() / (some.attention() + some.mlp());
        List<NDArray> keys = new ArrayList<>();
        List<NDArray> values = new ArrayList<>();
        for (int i = first; i < first + count; i++) {
            for (Span span : spans) {
                keys.add(span.cache().keys(i));
                values.add(span.cache().values(i));
            }
        }
        return decoderKernels.layers(
                owner,
                x,
                some,
                rows.cosines(),
                rows.sines(),
                keys,
                values,
                starts,
                lengths,
                lastOnly);
    }

    /**
     * @return the rotary rows, for callers of {@link #layer}
     */
    RotaryEmbedding rotary() {
        return rotary;
    }
}
