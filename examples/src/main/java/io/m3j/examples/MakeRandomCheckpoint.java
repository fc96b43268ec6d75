package io.m3j.examples;

import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.llm.ModelShape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Random;

/**
 * Makes a small checkpoint of random weights in LLaVA's own layout, with the real 24×24 grid of
 * patches: enough to try everything, and never trained. The same seed gives the same bytes on every
 * machine.
 */
final class MakeRandomCheckpoint {

    /** The seed of the checkpoint that comes with m3. */
    static final long SEED = 24;

    private static final int TOWER_WIDTH = 48;
    private static final int TOWER_INNER = 96;
    private static final int TOWER_LAYERS = 2;
    private static final int IMAGE = 336;
    private static final int PATCH = 14;
    private static final int PATCHES = (IMAGE / PATCH) * (IMAGE / PATCH);

    private static final int WIDTH = 64;
    private static final int INNER = 176;
    private static final int LAYERS = 2;
    private static final int VOCABULARY = 800;
    private static final int CONTEXT = 2048;

    /** Ids of special tokens and single bytes in the tokenizer; words follow. */
    private static final int FIRST_WORD = 259;

    private static final int LARGEST_SHARD = 1 << 30;

    // Random's numbers are specified to the last bit, unlike those of java.util.random.
    private final Random random;
    private final long seed;
    private final Path tokenizerModel;
    private final SafetensorsWriter writer = new SafetensorsWriter();

    /**
     * @param seed of the weights
     * @param tokenizerModel a SentencePiece model of 800 pieces, to be copied
     */
    MakeRandomCheckpoint(long seed, Path tokenizerModel) {
        this.seed = seed;
        this.random = new Random(seed);
        this.tokenizerModel = tokenizerModel;
    }

    /**
     * @param directory made if it does not exist; must hold no weights yet
     * @throws M3Exception if it cannot be written
     */
    void write(Path directory) {
        tower();
        projector();
        decoder();
        writer.writeDirectory(directory, LARGEST_SHARD);
        try {
            CheckpointConfig config = new CheckpointConfig(ModelShape.M3J_TINY, seed);
            config.write(directory);
            CheckpointConfig.write(directory, "tokenizer_config.json", tokenizer());
            Path copy = directory.resolve("tokenizer.model");
            if (!(Files.exists(copy) && Files.isSameFile(tokenizerModel, copy))) {
                Files.copy(tokenizerModel, copy, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be written (" + e + ")", e);
        }
    }

    private void tower() {
        String tower = "model.vision_tower.vision_tower.vision_model.";
        normal(tower + "embeddings.class_embedding", 1, TOWER_WIDTH);
        linear(tower + "embeddings.patch_embedding.weight", TOWER_WIDTH, 3, PATCH, PATCH);
        normal(tower + "embeddings.position_embedding.weight", 1, PATCHES + 1, TOWER_WIDTH);
        layerNorm(tower + "pre_layrnorm", TOWER_WIDTH);
        for (int layer = 0; layer < TOWER_LAYERS; layer++) {
            String prefix = tower + "encoder.layers." + layer + ".";
            layerNorm(prefix + "layer_norm1", TOWER_WIDTH);
            for (String name : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
                linearWithBias(prefix + "self_attn." + name, TOWER_WIDTH, TOWER_WIDTH);
            }
            layerNorm(prefix + "layer_norm2", TOWER_WIDTH);
            linearWithBias(prefix + "mlp.fc1", TOWER_INNER, TOWER_WIDTH);
            linearWithBias(prefix + "mlp.fc2", TOWER_WIDTH, TOWER_INNER);
        }
        layerNorm(tower + "post_layernorm", TOWER_WIDTH);
    }

    private void projector() {
        linearWithBias("model.mm_projector.0", WIDTH, TOWER_WIDTH);
        linearWithBias("model.mm_projector.2", WIDTH, WIDTH);
    }

    private void decoder() {
        normal("model.embed_tokens.weight", 1, VOCABULARY, WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            String prefix = "model.layers." + layer + ".";
            fill(prefix + "input_layernorm.weight", 1, WIDTH);
            for (String name : new String[] {"q_proj", "k_proj", "v_proj", "o_proj"}) {
                linear(prefix + "self_attn." + name + ".weight", WIDTH, WIDTH);
            }
            fill(prefix + "post_attention_layernorm.weight", 1, WIDTH);
            linear(prefix + "mlp.gate_proj.weight", INNER, WIDTH);
            linear(prefix + "mlp.up_proj.weight", INNER, WIDTH);
            linear(prefix + "mlp.down_proj.weight", WIDTH, INNER);
        }
        fill("model.norm.weight", 1, WIDTH);
        // Words alone are likely: a random byte is seldom text.
        float[] head = gaussian(1 / Math.sqrt(WIDTH), VOCABULARY * WIDTH);
        Arrays.fill(head, 0, FIRST_WORD * WIDTH, 0);
        add("lm_head.weight", head, VOCABULARY, WIDTH);
    }

    private void layerNorm(String name, int width) {
        fill(name + ".weight", 1, width);
        fill(name + ".bias", 0, width);
    }

    private void linearWithBias(String name, int outputs, int inputs) {
        linear(name + ".weight", outputs, inputs);
        fill(name + ".bias", 0, outputs);
    }

    /** Keeps the size of what passes through: deviation 1 / √inputs. */
    private void linear(String name, long... shape) {
        normal(name, 1 / Math.sqrt((double) new Shape(shape).size() / shape[0]), shape);
    }

    private void normal(String name, double deviation, long... shape) {
        add(name, gaussian(deviation, Math.toIntExact(new Shape(shape).size())), shape);
    }

    private void fill(String name, float value, int width) {
        float[] values = new float[width];
        Arrays.fill(values, value);
        add(name, values, width);
    }

    private float[] gaussian(double deviation, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return values;
    }

    /** As bfloat16: the upper half of a float32, rounded to the nearest even one. */
    private void add(String name, float[] values, long... shape) {
        ByteBuffer bytes =
                ByteBuffer.allocate(values.length * ElementType.BFLOAT16.bytes())
                        .order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            int bits = Float.floatToIntBits(value);
            bytes.putShort((short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16));
        }
        writer.add(new StoredTensor(name, ElementType.BFLOAT16, new Shape(shape), bytes.flip()));
    }

    private static ObjectNode tokenizer() {
        ObjectNode node = Json.object().put("tokenizer_class", "LlamaTokenizer");
        node.put("legacy", true).put("add_bos_token", true).put("add_eos_token", false);
        node.put("bos_token", "<s>").put("eos_token", "</s>");
        node.put("unk_token", "<unk>").put("pad_token", "<unk>");
        node.put("model_max_length", CONTEXT).put("clean_up_tokenization_spaces", false);
        return node;
    }
}
