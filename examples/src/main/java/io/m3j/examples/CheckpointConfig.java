package io.m3j.examples;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.Ladder;
import io.m3j.llm.DecoderConfig;
import io.m3j.llm.ModelInfo;
import io.m3j.llm.ModelShape;
import io.m3j.vision.ClipVisionConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The configuration files of an untrained checkpoint in LLaVA's own layout, the tower inside.
 *
 * @param shape its sizes
 * @param seed of its weights, which the files tell
 */
record CheckpointConfig(ModelShape shape, long seed) {

    /**
     * @param directory that exists
     * @throws IOException if a file cannot be written
     */
    void write(Path directory) throws IOException {
        write(directory, "config.json", config());
        write(directory, "preprocessor_config.json", preprocessor());
        write(directory, "generation_config.json", specialIds(Json.object()));
    }

    static void write(Path directory, String name, ObjectNode node) throws IOException {
        // Line feeds everywhere, so that the bytes do not depend on the system.
        DefaultIndenter indent = new DefaultIndenter("  ", "\n");
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter().withObjectIndenter(indent);
        String text = Json.MAPPER.writer(printer).writeValueAsString(node) + "\n";
        Files.write(directory.resolve(name), text.getBytes(StandardCharsets.UTF_8));
    }

    private ClipVisionConfig vision() {
        return shape.config().vision().orElseThrow();
    }

    private ObjectNode config() {
        DecoderConfig decoder = shape.config().decoder();
        ObjectNode config = Json.object();
        config.putArray("architectures").add("LlavaLlamaForCausalLM");
        config.put("model_type", "llava_llama");
        config.put(ModelInfo.UNTRAINED_KEY, true);
        config.put(ModelInfo.SEED_KEY, seed);
        config.put("hidden_size", decoder.hiddenSize());
        config.put("intermediate_size", decoder.intermediateSize());
        config.put("num_hidden_layers", decoder.layers());
        config.put("num_attention_heads", decoder.heads());
        config.put("num_key_value_heads", decoder.keyValueHeads());
        config.put("vocab_size", decoder.vocabularySize());
        config.put("max_position_embeddings", decoder.maximumPositions());
        config.put("hidden_act", "silu").put("rms_norm_eps", decoder.rmsNormEpsilon());
        config.put("rope_theta", decoder.ropeTheta());
        config.put("tie_word_embeddings", decoder.tiedHead()).put("torch_dtype", "bfloat16");
        config.put("image_aspect_ratio", "pad").put("mm_patch_merge_type", "flat");
        config.put("mm_projector_type", "mlp2x_gelu");
        config.put("mm_hidden_size", vision().hiddenSize());
        config.put("mm_vision_tower", shape.label() + "-vision");
        config.put("mm_vision_select_layer", shape.config().visionHiddenState())
                .put("mm_vision_select_feature", "patch");
        config.put("mm_use_im_start_end", false).put("mm_use_im_patch_token", false);
        ArrayNode scales = config.putArray("matryoshka_vis_token_scale");
        Ladder.ofGrid(vision().gridSide()).scales().forEach(scale -> scales.add(scale.tokens()));
        tower(config.putObject("vision_config"));
        return specialIds(config);
    }

    private void tower(ObjectNode node) {
        node.put("model_type", "clip_vision_model");
        node.put("hidden_size", vision().hiddenSize());
        node.put("intermediate_size", vision().intermediateSize());
        node.put("num_hidden_layers", vision().layers());
        node.put("num_attention_heads", vision().heads());
        node.put("image_size", vision().imageSize()).put("patch_size", vision().patchSize());
        node.put("hidden_act", vision().activation().name().toLowerCase(Locale.ROOT));
        node.put("layer_norm_eps", vision().layerNormEpsilon());
    }

    private static ObjectNode specialIds(ObjectNode node) {
        return node.put("bos_token_id", 1).put("eos_token_id", 2).put("pad_token_id", 0);
    }

    /** CLIP's, as LLaVA-1.5 ships it. */
    private ObjectNode preprocessor() {
        int side = vision().imageSize();
        ObjectNode node = Json.object().put("image_processor_type", "CLIPImageProcessor");
        node.put("do_convert_rgb", true).put("do_resize", true).put("resample", 3);
        node.putObject("size").put("shortest_edge", side);
        node.put("do_center_crop", true);
        node.putObject("crop_size").put("height", side).put("width", side);
        node.put("do_rescale", true).put("rescale_factor", 1.0 / 255);
        node.put("do_normalize", true);
        node.putArray("image_mean").add(0.48145466).add(0.4578275).add(0.40821073);
        node.putArray("image_std").add(0.26862954).add(0.26130258).add(0.27577711);
        return node;
    }
}
