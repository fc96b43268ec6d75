package io.m3j.llm;

import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Activation;

/**
 * The sizes of a decoder of the LLaMA family.
 *
 * @param hiddenSize width of the residual stream, D
 * @param intermediateSize width inside the feed-forward sublayer
 * @param layers how many layers
 * @param heads query heads, H
 * @param keyValueHeads key and value heads, G, which divides H; equal to H without grouping
 * @param headSize size of a head, E, even
 * @param vocabularySize rows of the embedding table, V
 * @param maximumPositions the longest context
 * @param rmsNormEpsilon of all norms
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling their stretching
 * @param tiedHead whether the output head is the embedding table
 * @param attentionBias whether the four layers of attention have biases
 * @param mlpBias whether the three layers of the feed-forward sublayer have biases
 */
public record DecoderConfig(
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int headSize,
        int vocabularySize,
        int maximumPositions,
        double rmsNormEpsilon,
        double ropeTheta,
        RopeScaling ropeScaling,
        boolean tiedHead,
        boolean attentionBias,
        boolean mlpBias) {

    /** Checks how the heads divide. */
    public DecoderConfig {
        if (heads % keyValueHeads != 0) {
            throw new M3Exception(
                    "decoder: "
                            + keyValueHeads
                            + " key/value heads do not divide its "
                            + heads
                            + " attention heads");
        }
        if (headSize % 2 != 0) {
            throw new M3Exception(
                    "decoder: head size " + headSize + ": rotary positions need an even one");
        }
        if (!(ropeTheta > 0) || !(rmsNormEpsilon >= 0)) {
            throw new M3Exception(
                    "decoder: rope_theta "
                            + ropeTheta
                            + " must be above 0 and rms_norm_eps "
                            + rmsNormEpsilon
                            + " not below it");
        }
    }

    /**
     * @param json a {@code text_config}, or the config.json of the original layout; what it leaves
     *     out has the defaults of Hugging Face's LlamaConfig, or MistralConfig
     * @param tiedFallback whether the head is tied if the object does not say
     * @return the sizes
     */
    static DecoderConfig of(ConfigJson json, boolean tiedFallback) {
        return json.checked(() -> read(json, tiedFallback));
    }

    private static DecoderConfig read(ConfigJson json, boolean tiedFallback) {
        if (Activation.ofHuggingFace(json.text("hidden_act").orElse("silu")) != Activation.SILU) {
            throw json.wrong("hidden_act", "silu, the activation of the LLaMA family");
        }
        int hiddenSize = json.positive("hidden_size", 4096);
        int heads = json.positive("num_attention_heads", 32);
        if (!json.has("head_dim") && hiddenSize % heads != 0) {
            throw json.wrong("num_attention_heads", "a divisor of hidden_size " + hiddenSize);
        }
        // A file leaves out what equals the defaults of its own kind: MistralConfig's differ.
        boolean mistral = json.text("model_type").orElse("").contains("mistral");
        int positions = json.positive("max_position_embeddings", mistral ? 131_072 : 2048);
        ConfigJson rope =
                json.has("rope_parameters")
                        ? json.object("rope_parameters")
                        : json.object("rope_scaling");
        RopeScaling scaling = RopeScaling.of(rope, positions);
        int reach = scaling.reach(positions);
        return new DecoderConfig(
                hiddenSize,
                json.positive("intermediate_size", mistral ? 14336 : 11008),
                json.positive("num_hidden_layers", 32),
                heads,
                json.positive("num_key_value_heads", mistral ? 8 : heads),
                json.positive("head_dim", hiddenSize / heads),
                json.positive("vocab_size", 32000),
                Math.min(reach, window(json, mistral, reach)),
                json.number("rms_norm_eps", 1e-6),
                rope.number("rope_theta", json.number("rope_theta", 10_000)),
                scaling,
                json.flag("tie_word_embeddings", tiedFallback),
                json.flag("attention_bias", false),
                json.flag("mlp_bias", false));
    }

    /** Beyond the window a sliding-window decoder forgets; within it, it is a plain one. */
    private static int window(ConfigJson json, boolean mistral, int reach) {
        boolean unsaid = json.raw("sliding_window").isMissingNode();
        return mistral && unsaid ? 4096 : json.positive("sliding_window", reach);
    }

    /**
     * @return elements that keys and values of one position take over all layers
     */
    public long cacheElementsPerPosition() {
        return 2L * layers * keyValueHeads * headSize;
    }
}
