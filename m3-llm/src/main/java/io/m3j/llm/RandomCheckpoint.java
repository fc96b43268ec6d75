package io.m3j.llm;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.vision.ClipVisionConfig;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * A checkpoint without a file: bfloat16 weights of any shape, in the original layout, made by a seed.
 * What it costs is the largest tensor: all are windows onto one store of random numbers, so they are
 * not independent of each other; for measuring, that does not matter.
 */
public final class RandomCheckpoint implements Checkpoint {

    private static final String TOWER = "model.vision_tower.vision_tower.vision_model.";

    /** Different tensors begin at different places of the store. */
    private static final int STRIDE = 8_191;

    private final Path path;
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final Map<String, Float> constants = new LinkedHashMap<>();
    private ByteBuffer store;
    private final long seed;

    /**
     * @param config of the model; its tower's sizes must be known
     * @param seed of the numbers
     */
    public RandomCheckpoint(M3Config config, long seed) {
        this.path = config.directory();
        this.seed = seed;
        ClipVisionConfig vision = config.vision().orElseThrow();
        tower(vision);
        long width = config.decoder().hiddenSize();
        for (int i = 0; i < config.projectorLayers(); i++) {
            long inputs = i == 0 ? vision.hiddenSize() : width;
            linear("model.mm_projector." + 2 * i, width, inputs, true);
        }
        decoder(config.decoder());
    }

    /** Made when a tensor is first asked for: names and shapes alone cost nothing. */
    private synchronized ByteBuffer store() {
        if (store == null) {
            long largest =
                    tensors.values().stream().mapToLong(TensorInfo::byteCount).max().orElseThrow();
            store = filled(Math.toIntExact(largest + 2L * STRIDE * 64));
        }
        return store;
    }

    private void tower(ClipVisionConfig vision) {
        long width = vision.hiddenSize();
        long side = vision.patchSize();
        long tokens = 1L + (long) vision.gridSide() * vision.gridSide();
        add(TOWER + "embeddings.class_embedding", width);
        add(TOWER + "embeddings.patch_embedding.weight", width, 3, side, side);
        add(TOWER + "embeddings.position_embedding.weight", tokens, width);
        norm(TOWER + "pre_layrnorm", width, true);
        for (int i = 0; i < vision.layers(); i++) {
            String layer = TOWER + "encoder.layers." + i + ".";
            norm(layer + "layer_norm1", width, true);
            for (String name : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
                linear(layer + "self_attn." + name, width, width, true);
            }
            norm(layer + "layer_norm2", width, true);
            linear(layer + "mlp.fc1", vision.intermediateSize(), width, true);
            linear(layer + "mlp.fc2", width, vision.intermediateSize(), true);
        }
        norm(TOWER + "post_layernorm", width, true);
    }

    private void decoder(DecoderConfig decoder) {
        long width = decoder.hiddenSize();
        long inner = decoder.intermediateSize();
        long queries = (long) decoder.heads() * decoder.headSize();
        long keys = (long) decoder.keyValueHeads() * decoder.headSize();
        add("model.embed_tokens.weight", decoder.vocabularySize(), width);
        for (int i = 0; i < decoder.layers(); i++) {
            String layer = "model.layers." + i + ".";
            norm(layer + "input_layernorm", width, false);
            linear(layer + "self_attn.q_proj", queries, width, false);
            linear(layer + "self_attn.k_proj", keys, width, false);
            linear(layer + "self_attn.v_proj", keys, width, false);
            linear(layer + "self_attn.o_proj", width, queries, false);
            norm(layer + "post_attention_layernorm", width, false);
            linear(layer + "mlp.gate_proj", inner, width, false);
            linear(layer + "mlp.up_proj", inner, width, false);
            linear(layer + "mlp.down_proj", width, inner, false);
        }
        norm("model.norm", width, false);
        linear("lm_head", decoder.vocabularySize(), width, false);
    }

    private void linear(String name, long outputs, long inputs, boolean bias) {
        add(name + ".weight", outputs, inputs);
        if (bias) {
            constant(name + ".bias", outputs, 0);
        }
    }

    private void norm(String name, long width, boolean bias) {
        constant(name + ".weight", width, 1);
        if (bias) {
            constant(name + ".bias", width, 0);
        }
    }

    private void constant(String name, long width, float value) {
        add(name, width);
        constants.put(name, value);
    }

    private void add(String name, long... shape) {
        tensors.put(name, new TensorInfo(name, ElementType.BFLOAT16, new Shape(shape)));
    }

    /** Normal numbers of deviation 0.02, LLaMA's initialisation; a million of them, repeated. */
    private ByteBuffer filled(int size) {
        Random random = new Random(seed);
        short[] numbers = new short[1 << 20];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = bfloat16((float) (0.02 * random.nextGaussian()));
        }
        ByteBuffer bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.remaining() >= 2) {
            int count = Math.min(numbers.length, bytes.remaining() / 2);
            bytes.asShortBuffer().put(numbers, 0, count);
            bytes.position(bytes.position() + 2 * count);
        }
        return bytes.clear();
    }

    private static short bfloat16(float value) {
        return (short) (Float.floatToIntBits(value) >>> 16);
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        TensorInfo info = tensors.get(name);
        if (info == null) {
            throw new M3Exception(path + ": no tensor " + name);
        }
        return info;
    }

    @Override
    public StoredTensor get(String name) {
        TensorInfo info = info(name);
        int size = Math.toIntExact(info.byteCount());
        Float constant = constants.get(name);
        if (constant != null) {
            ByteBuffer bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
            while (bytes.hasRemaining()) {
                bytes.putShort(bfloat16(constant));
            }
            return new StoredTensor(name, info.type(), info.shape(), bytes.flip());
        }
        int start = 2 * STRIDE * Math.floorMod(name.hashCode(), 64);
        return new StoredTensor(name, info.type(), info.shape(), store().slice(start, size));
    }

    @Override
    public void close() {
        // The store is freed by the garbage collector.
    }
}
