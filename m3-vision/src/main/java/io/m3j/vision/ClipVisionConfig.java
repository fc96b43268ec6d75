package io.m3j.vision;

import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Activation;

/**
 * The sizes of a CLIP vision tower.
 *
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the feed-forward sublayer
 * @param layers how many layers the tower has
 * @param heads attention heads
 * @param imageSize pixels along one side of a tile
 * @param patchSize pixels along one side of a patch
 * @param activation of the feed-forward sublayer
 * @param layerNormEpsilon of all norms
 */
public record ClipVisionConfig(
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int imageSize,
        int patchSize,
        Activation activation,
        double layerNormEpsilon) {

    /** CLIP ViT-L/14 at 336 pixels, the tower of LLaVA-1.5 ({@code openai/clip-vit-large-patch14-336}). */
    public static final ClipVisionConfig LARGE_PATCH14_336 =
            new ClipVisionConfig(1024, 4096, 24, 16, 336, 14, Activation.QUICK_GELU, 1e-5);

    /** Checks that heads divide the hidden size and patches the image. */
    public ClipVisionConfig {
        if (hiddenSize % heads != 0) {
            throw new M3Exception(
                    "vision tower: hidden size "
                            + hiddenSize
                            + " is not a multiple of its "
                            + heads
                            + " attention heads");
        }
        if (imageSize < patchSize) {
            throw new M3Exception(
                    "vision tower: a patch of "
                            + patchSize
                            + " pixels is larger than the image of "
                            + imageSize);
        }
    }

    /**
     * @param json a {@code vision_config}, or the config.json of a CLIPVisionModel; what it leaves
     *     out has the defaults of Hugging Face's CLIPVisionConfig
     * @return the sizes
     */
    public static ClipVisionConfig of(ConfigJson json) {
        return json.checked(() -> read(json));
    }

    private static ClipVisionConfig read(ConfigJson json) {
        if (json.integer("num_channels", 3) != 3) {
            throw json.wrong("num_channels", "3");
        }
        return new ClipVisionConfig(
                json.positive("hidden_size", 768),
                json.positive("intermediate_size", 3072),
                json.positive("num_hidden_layers", 12),
                json.positive("num_attention_heads", 12),
                json.positive("image_size", 224),
                json.positive("patch_size", 32),
                Activation.ofHuggingFace(json.text("hidden_act").orElse("quick_gelu")),
                json.number("layer_norm_eps", 1e-5));
    }

    /**
     * @return patches along one side of a tile
     */
    public int gridSide() {
        return imageSize / patchSize;
    }

    /**
     * How many layers lead to one of the hidden states, counted as Hugging Face does: state 0 is the
     * embedding, state {@code layers} the last, and negative numbers count from the end.
     *
     * @param hiddenState such as −2, LLaVA's
     * @return layers to run
     * @throws M3Exception if the tower has no such state
     */
    public int layersUpTo(int hiddenState) {
        int count = hiddenState < 0 ? layers + 1 + hiddenState : hiddenState;
        if (count < 0 || count > layers) {
            throw new M3Exception(
                    "vision feature layer "
                            + hiddenState
                            + ": the tower of "
                            + layers
                            + " layers has the hidden states "
                            + (-layers - 1)
                            + " to "
                            + layers);
        }
        return count;
    }
}
