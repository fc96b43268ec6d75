package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.ConfigJson;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Activation;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.ClipVisionConfig;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the files beside the weights say of a model, in either layout.
 *
 * @param directory of the checkpoint
 * @param family which kind of model it is
 * @param modelType {@code model_type} as it stands in config.json
 * @param decoder sizes of the decoder
 * @param vision sizes of the tower; empty in the original layout, whose tower has a config of its own
 * @param visionTower what {@code mm_vision_tower} names; empty in Hugging Face's layout
 * @param visionHiddenState which state of the tower is read, −2 in LLaVA
 * @param projectorLayers linear layers of the projector
 * @param projectorActivation between them
 * @param projectorBias whether they have biases
 * @param imageToken id of the image token in Hugging Face's layout; −200 in the original one
 * @param pad whether pictures are padded to a square; if not, the size in preprocessor_config.json says
 *     whether they are cropped or stretched
 * @param anyResolution how pictures are cut into tiles; empty if each is one tile
 * @param imageStartEnd whether image slots stand between {@code <im_start>} and {@code <im_end>}
 * @param scales of {@code matryoshka_vis_token_scale}; empty if the config has none
 * @param endOfSequence ids that end an answer
 * @param quantization how its weights were quantised by us; empty if they are plain
 * @param facts what bears on the choice of a prompt template, but for the chat template
 */
public record M3Config(
        Path directory,
        Family family,
        String modelType,
        DecoderConfig decoder,
        Optional<ClipVisionConfig> vision,
        Optional<String> visionTower,
        int visionHiddenState,
        int projectorLayers,
        Activation projectorActivation,
        boolean projectorBias,
        long imageToken,
        boolean pad,
        Optional<AnyResolution> anyResolution,
        boolean imageStartEnd,
        List<Integer> scales,
        Set<Long> endOfSequence,
        Optional<Quantization> quantization,
        CheckpointFacts facts) {

    private static final String SCALES = "matryoshka_vis_token_scale";
    private static final String ASPECT = AnyResolutionKeys.ASPECT;
    private static final Pattern MLP_PROJECTOR = Pattern.compile("mlp([1-9])x_gelu");

    /** The kinds of model that are recognised. */
    public enum Family {
        /** LLaVA-1.5 and its M3 fine-tunes: one tile an image. */
        LLAVA,
        /** LLaVA-NeXT: any resolution. */
        LLAVA_NEXT;

        /**
         * @return the name users know, such as {@code llava-next}
         */
        public String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * @param directory of a checkpoint, with a config.json
     * @return its configuration
     * @throws M3Exception if config.json is missing, broken, or of an architecture not known
     */
    public static M3Config read(Path directory) {
        Path file = required(directory, "directory").resolve("config.json");
        requireVisible(file);
        if (!Files.isDirectory(directory)) {
            throw new M3Exception(
                    "model "
                            + directory
                            + ": expected a directory with config.json and the weights, found "
                            + (Files.exists(directory) ? "a file" : "nothing"));
        }
        if (!Files.isRegularFile(file)) {
            throw new M3Exception(
                    "model " + directory + ": config.json is missing; is this a checkpoint?");
        }
        ConfigJson json = ConfigJson.read(file);
        Set<Long> end = endOfSequence(json, directory);
        return json.has("text_config")
                ? huggingFace(directory, json, end)
                : original(directory, json, end);
    }

    private static void requireVisible(Path file) {
        try {
            Files.readAttributes(file, BasicFileAttributes.class);
        } catch (AccessDeniedException e) {
            throw new M3Exception(
                    "model "
                            + file.getParent()
                            + ": the directory may not be read; check its permissions",
                    e);
        } catch (IOException e) {
            return; // missing, and the caller says what is
        }
    }

    private static M3Config original(Path directory, ConfigJson json, Set<Long> end) {
        String type = json.text("model_type").orElse("");
        if (!Set.of("llava", "llava_llama", "llava_mistral").contains(type)) {
            throw unknown(json, type);
        }
        if (!json.text("mm_vision_select_feature").orElse("patch").equals("patch")) {
            throw json.wrong("mm_vision_select_feature", "patch");
        }
        Optional<AnyResolution> any = AnyResolutionKeys.original(json);
        boolean next =
                any.isPresent()
                        || json.text("mm_patch_merge_type").orElse("flat").startsWith("spatial");
        return new M3Config(
                directory,
                next ? Family.LLAVA_NEXT : Family.LLAVA,
                type,
                DecoderConfig.of(json, false),
                json.has("vision_config")
                        ? Optional.of(ClipVisionConfig.of(json.object("vision_config")))
                        : Optional.empty(),
                json.text("mm_vision_tower"),
                json.integer("mm_vision_select_layer", -2),
                projectorLayers(json),
                Activation.GELU,
                true,
                M3Tokenizer.IMAGE_ID,
                pad(json, directory, false),
                any,
                json.flag("mm_use_im_start_end", false),
                json.integers(SCALES),
                end,
                Quantization.of(json),
                facts(directory, json));
    }

    private static M3Config huggingFace(Path directory, ConfigJson json, Set<Long> end) {
        String type = json.text("model_type").orElse("");
        if (!Set.of("llava", "llava_next").contains(type)) {
            throw unknown(json, type);
        }
        ConfigJson text = json.object("text_config");
        String textType = text.text("model_type").orElse("llama");
        if (!Set.of("llama", "mistral", "vicuna").contains(textType)) {
            throw text.wrong("model_type", "llama or mistral");
        }
        ConfigJson vision = json.object("vision_config");
        String visionType = vision.text("model_type").orElse("clip_vision_model");
        if (!visionType.equals("clip_vision_model")) {
            throw vision.wrong("model_type", "clip_vision_model");
        }
        String select = json.text("vision_feature_select_strategy").orElse("default");
        if (!select.equals("default")) {
            throw json.wrong("vision_feature_select_strategy", "default");
        }
        if (json.raw("vision_feature_layer").isArray()) {
            throw json.wrong("vision_feature_layer", "one layer");
        }
        Optional<AnyResolution> any = AnyResolutionKeys.huggingFace(json, directory);
        return new M3Config(
                directory,
                any.isPresent() ? Family.LLAVA_NEXT : Family.LLAVA,
                type,
                DecoderConfig.of(text, json.flag("tie_word_embeddings", false)),
                Optional.of(
                        json.has("vision_config")
                                ? ClipVisionConfig.of(vision)
                                : ClipVisionConfig.LARGE_PATCH14_336),
                Optional.empty(),
                json.integer("vision_feature_layer", -2),
                2,
                json.checked(
                        () ->
                                Activation.ofHuggingFace(
                                        json.text("projector_hidden_act").orElse("gelu"))),
                json.flag("multimodal_projector_bias", true),
                json.integer("image_token_index", json.integer("image_token_id", 32000)),
                // LLaVA-1.5 was trained on padded squares; the layout's older files do not say so.
                pad(json, directory, true),
                any,
                false,
                json.integers(SCALES),
                end,
                Quantization.of(json),
                facts(directory, json));
    }

    /**
     * @param silent the answer if neither config.json nor preprocessor_config.json says it
     */
    private static boolean pad(ConfigJson json, Path directory, boolean silent) {
        Optional<String> aspect = json.text(ASPECT);
        if (aspect.isEmpty()) {
            return ConfigJson.readIfPresent(directory.resolve("preprocessor_config.json"))
                    .flag("do_pad", silent);
        }
        if (!Set.of("pad", "square").contains(aspect.get())
                && !AnyResolutionKeys.aspectIsAny(json)) {
            throw json.wrong(ASPECT, "pad, square, anyres or anyres_max_N");
        }
        return aspect.get().equals("pad");
    }

    private static CheckpointFacts facts(Path directory, ConfigJson json) {
        ConfigJson text = json.object("text_config");
        List<String> architectures = new ArrayList<>();
        json.raw("architectures").forEach(name -> architectures.add(name.asText()));
        List<String> names = new ArrayList<>();
        names.add(directory.toAbsolutePath().normalize().getFileName().toString());
        json.text("_name_or_path").ifPresent(names::add);
        text.text("_name_or_path").ifPresent(names::add);
        return new CheckpointFacts(
                json.text("model_type"),
                architectures,
                text.text("model_type"),
                Optional.empty(),
                names);
    }

    private static M3Exception unknown(ConfigJson json, String type) {
        return new M3Exception(
                json.where()
                        + ": model_type "
                        + (type.isEmpty() ? "(none)" : type)
                        + " with architectures "
                        + json.raw("architectures")
                        + ": expected a LLaVA (llava, llava_llama, llava_mistral, llava_next)");
    }

    private static int projectorLayers(ConfigJson json) {
        String type = json.text("mm_projector_type").orElse("linear");
        if (type.equals("linear")) {
            return 1;
        }
        Matcher mlp = MLP_PROJECTOR.matcher(type);
        if (!mlp.matches()) {
            throw json.wrong("mm_projector_type", "linear or mlpNx_gelu");
        }
        return Integer.parseInt(mlp.group(1));
    }

    /** generation_config.json comes first, as in Hugging Face's generate. */
    private static Set<Long> endOfSequence(ConfigJson json, Path directory) {
        ConfigJson generation =
                ConfigJson.readIfPresent(directory.resolve("generation_config.json"));
        for (ConfigJson source : List.of(generation, json, json.object("text_config"))) {
            List<Integer> ids = source.integers("eos_token_id");
            if (!ids.isEmpty()) {
                Set<Long> set = new LinkedHashSet<>();
                ids.forEach(id -> set.add(id.longValue()));
                return Set.copyOf(set);
            }
        }
        return Set.of(2L); // LLaMA's </s>
    }

    /**
     * @param gridSide of the tower
     * @return the scales of the config, or those of the grid's prime factors
     */
    public Ladder ladder(int gridSide) {
        if (scales.isEmpty()) {
            return Ladder.ofGrid(gridSide);
        }
        try {
            return Ladder.of(gridSide, scales);
        } catch (M3Exception e) {
            throw new M3Exception(
                    directory.resolve("config.json") + ": " + SCALES + ": " + e.getMessage(), e);
        }
    }
}
