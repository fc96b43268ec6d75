package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.core.torch.Activation;
import io.m3j.vision.ClipVisionConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Sizes of known models, for measuring without their weights. */
public enum ModelShape {
    /** LLaVA-1.5-7B: Vicuna-7B behind CLIP ViT-L/14-336. */
    LLAVA_1_5_7B(ClipVisionConfig.LARGE_PATCH14_336, decoder(4096, 11008, 32, 32, 32, 32000, 4096)),
    /** TinyLlama-1.1B behind CLIP ViT-L/14-336. */
    TINYLLAMA_1_1B(ClipVisionConfig.LARGE_PATCH14_336, decoder(2048, 5632, 22, 32, 4, 32000, 2048)),
    /** CLIP ViT-L/14-336 before a small decoder: mostly tower. */
    CLIP_L_SMALL(ClipVisionConfig.LARGE_PATCH14_336, decoder(256, 704, 4, 8, 8, 1024, 2048)),
    /** The model in the box. */
    M3J_TINY(
            new ClipVisionConfig(128, 384, 4, 4, 336, 14, Activation.GELU, 1e-5),
            -1,
            decoder(128, 256, 3, 4, 4, 1024, 2048, true));

    private final ClipVisionConfig vision;
    private final int visionHiddenState;
    private final DecoderConfig decoder;

    ModelShape(ClipVisionConfig vision, DecoderConfig decoder) {
        this(vision, -2, decoder);
    }

    ModelShape(ClipVisionConfig vision, int visionHiddenState, DecoderConfig decoder) {
        this.vision = vision;
        this.visionHiddenState = visionHiddenState;
        this.decoder = decoder;
    }

    private static DecoderConfig decoder(
            int hiddenSize,
            int intermediateSize,
            int layers,
            int heads,
            int keyValueHeads,
            int vocabularySize,
            int positions) {
        return decoder(
                hiddenSize,
                intermediateSize,
                layers,
                heads,
                keyValueHeads,
                vocabularySize,
                positions,
                false);
    }

    private static DecoderConfig decoder(
            int hiddenSize,
            int intermediateSize,
            int layers,
            int heads,
            int keyValueHeads,
            int vocabularySize,
            int positions,
            boolean tiedHead) {
        return new DecoderConfig(
                hiddenSize,
                intermediateSize,
                layers,
                heads,
                keyValueHeads,
                hiddenSize / heads,
                vocabularySize,
                positions,
                1e-5,
                10_000,
                RopeScaling.NONE,
                tiedHead,
                false,
                false);
    }

    /**
     * @return the name on the command line, such as {@code llava-1.5-7b}
     */
    public String label() {
        return switch (this) {
            case LLAVA_1_5_7B -> "llava-1.5-7b";
            case TINYLLAMA_1_1B -> "tinyllama-1.1b";
            case CLIP_L_SMALL -> "clip-l-small";
            case M3J_TINY -> "m3j-tiny";
        };
    }

    /**
     * @param label such as {@code llava-1.5-7b}
     * @return the shape
     * @throws M3Exception if there is none of that name
     */
    public static ModelShape of(String label) {
        return Arrays.stream(values())
                .filter(shape -> shape.label().equals(label.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "shape "
                                                + label
                                                + ": expected one of "
                                                + Arrays.stream(values())
                                                        .map(ModelShape::label)
                                                        .collect(Collectors.joining(", "))));
    }

    /**
     * @return the configuration of a model of this shape, in the original layout
     */
    public M3Config config() {
        return new M3Config(
                Path.of("random-" + label()),
                M3Config.Family.LLAVA,
                "llava_llama",
                decoder,
                Optional.of(vision),
                Optional.empty(),
                visionHiddenState,
                2,
                Activation.GELU,
                true,
                M3Tokenizer.IMAGE_ID,
                true,
                Optional.empty(),
                false,
                List.of(),
                Set.of(2L),
                Optional.empty(),
                new CheckpointFacts(
                        Optional.of("llava_llama"),
                        List.of(),
                        Optional.empty(),
                        Optional.empty(),
                        List.of("vicuna")));
    }
}
