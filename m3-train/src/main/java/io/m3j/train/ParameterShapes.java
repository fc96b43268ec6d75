package io.m3j.train;

import ai.djl.ndarray.types.Shape;
import io.m3j.llm.DecoderConfig;
import io.m3j.llm.M3Config;
import io.m3j.vision.ClipVisionConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/** Which parameters take part in a model's answer, by its configuration, under our names. */
final class ParameterShapes {

    private final Map<String, Shape> shapes = new LinkedHashMap<>();

    private ParameterShapes() {}

    /**
     * @param config of the model
     * @param vision sizes of its tower
     * @return the shape of each parameter, in the order of the computation; layers of the tower behind
     *     the state that is read are left out
     */
    static Map<String, Shape> of(M3Config config, ClipVisionConfig vision) {
        ParameterShapes all = new ParameterShapes();
        all.tower(vision, vision.layersUpTo(config.visionHiddenState()));
        for (int i = 0; i < config.projectorLayers(); i++) {
            long out = config.decoder().hiddenSize();
            long in = i == 0 ? vision.hiddenSize() : out;
            all.linear("projector." + i, out, in, config.projectorBias());
        }
        if (config.anyResolution().filter(any -> any.merge().hasNewlines()).isPresent()) {
            all.add(Part.NEWLINE, config.decoder().hiddenSize());
        }
        all.decoder(config.decoder());
        return all.shapes;
    }

    private void tower(ClipVisionConfig vision, int layers) {
        long width = vision.hiddenSize();
        long patch = vision.patchSize();
        long tokens = 1 + (long) vision.gridSide() * vision.gridSide();
        String embeddings = "vision_tower.embeddings.";
        add(embeddings + "patch_embedding.weight", width, 3, patch, patch);
        add(embeddings + "class_embedding", width);
        add(embeddings + "position_embedding.weight", tokens, width);
        layerNorm("vision_tower.pre_layrnorm", width); // CLIP's own spelling
        for (int i = 0; i < layers; i++) {
            String layer = "vision_tower.encoder.layers." + i + ".";
            layerNorm(layer + "layer_norm1", width);
            for (String name : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
                linear(layer + "self_attn." + name, width, width, true);
            }
            layerNorm(layer + "layer_norm2", width);
            linear(layer + "mlp.fc1", vision.intermediateSize(), width, true);
            linear(layer + "mlp.fc2", width, vision.intermediateSize(), true);
        }
    }

    private void decoder(DecoderConfig config) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        long queries = (long) config.heads() * config.headSize();
        long keys = (long) config.keyValueHeads() * config.headSize();
        add("decoder.embed_tokens.weight", config.vocabularySize(), width);
        for (int i = 0; i < config.layers(); i++) {
            String layer = "decoder.layers." + i + ".";
            add(layer + "input_layernorm.weight", width);
            linear(layer + "self_attn.q_proj", queries, width, config.attentionBias());
            linear(layer + "self_attn.k_proj", keys, width, config.attentionBias());
            linear(layer + "self_attn.v_proj", keys, width, config.attentionBias());
            linear(layer + "self_attn.o_proj", width, queries, config.attentionBias());
            add(layer + "post_attention_layernorm.weight", width);
            linear(layer + "mlp.gate_proj", inner, width, config.mlpBias());
            linear(layer + "mlp.up_proj", inner, width, config.mlpBias());
            linear(layer + "mlp.down_proj", width, inner, config.mlpBias());
        }
        add("decoder.norm.weight", width);
        if (!config.tiedHead()) {
            add("decoder.lm_head.weight", config.vocabularySize(), width);
        }
    }

    private void layerNorm(String name, long width) {
        add(name + ".weight", width);
        add(name + ".bias", width);
    }

    private void linear(String name, long outputs, long inputs, boolean biased) {
        add(name + ".weight", outputs, inputs);
        if (biased) {
            add(name + ".bias", outputs);
        }
    }

    private void add(String name, long... sizes) {
        shapes.put(name, new Shape(sizes));
    }
}
