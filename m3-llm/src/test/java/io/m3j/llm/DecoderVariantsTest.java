package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the golden models lack: scaled rotary frequencies, biases, tied heads, one key head, heads
 * whose size is their own. Decoders with random weights are compared with a float64 reference.
 *
 * <p>The frequencies were computed with numpy by the formulas of transformers'
 * modeling_rope_utils.py: {@code inv = 1 / theta ** (arange(0, 8, 2) / 8)}; linear {@code inv /
 * factor}; dynamic {@code theta * (factor * length / trained - (factor - 1)) ** (8 / 6)}; llama3
 * {@code where(wavelength > trained / low, inv / factor, inv)}, between the two bounds {@code (1 - s)
 * * inv / factor + s * inv} with {@code s = (trained / wavelength - low) / (high - low)}.
 */
class DecoderVariantsTest {

    private static final int HEAD = 8;
    private static final int VOCABULARY = 40;
    private static final int LENGTH = 24;
    private static final double TOLERANCE = 1e-4;

    private static final double[] PLAIN = {1, 0.1, 0.01, 0.001};
    private static final double[] THETA_1E6 = {
        1, 0.03162277660168379, 0.001, 3.1622776601683795e-05
    };
    private static final double[] THETA_5E5 = {
        1, 0.03760603093086393, 0.001414213562373095, 5.318295896944989e-05
    };
    private static final double[] LINEAR_4 = {0.25, 0.025, 0.0025, 0.00025};
    private static final double[] LINEAR_4_THETA_1E6 = {
        0.25, 0.007905694150420948, 0.00025, 7.905694150420949e-06
    };
    private static final double[] DYNAMIC_2_OF_16_AT_17 = {
        1, 0.09614997135382723, 0.009244816991341796, 0.0008888888888888889
    };
    private static final double[] DYNAMIC_2_OF_16_AT_18 = {
        1, 0.09283177667225559, 0.008617738760127535, 0.0008
    };
    private static final double[] DYNAMIC_2_OF_16_AT_24 = {
        1, 0.07937005259840997, 0.006299605249474366, 0.0005
    };
    private static final double[] LLAMA3_8_OF_128 = {1, 0.042751178754307596, 0.00125, 0.000125};
    private static final double[] LLAMA3_8_OF_8192_THETA_5E5 = {
        1, 0.03760603093086393, 0.0005248461609929547, 6.647869871181236e-06
    };

    private static final String LLAMA3 =
            "\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
                    + " \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": ";

    private static Kernels kernels;

    @TempDir Path directory;

    /**
     * A decoder to try.
     *
     * @param name what is special
     * @param config entries of config.json beside the sizes
     * @param heads query heads
     * @param keyHeads key and value heads
     * @param headSize null: hidden size / heads
     * @param attentionBias whether q, k, v, o have one
     * @param mlpBias whether gate, up, down have one
     * @param tied whether there is no head
     * @param frequencies of all positions
     */
    private record Variant(
            String name,
            String config,
            int heads,
            int keyHeads,
            Integer headSize,
            boolean attentionBias,
            boolean mlpBias,
            boolean tied,
            double[] frequencies) {

        static Variant rope(String name, String config, double[] frequencies) {
            return new Variant(name, config, 4, 2, null, false, false, false, frequencies);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Variant> variants() {
        return Stream.of(
                Variant.rope("plain", "\"rope_scaling\": null", PLAIN),
                Variant.rope(
                        "default rule", "\"rope_scaling\": {\"rope_type\": \"default\"}", PLAIN),
                Variant.rope("theta 1e6", "\"rope_theta\": 1000000", THETA_1E6),
                Variant.rope("theta 5e5", "\"rope_theta\": 5e5", THETA_5E5),
                Variant.rope(
                        "linear",
                        "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4.0}",
                        LINEAR_4),
                Variant.rope(
                        "linear as rope_parameters",
                        "\"rope_theta\": 3, \"rope_parameters\": {\"rope_type\": \"linear\","
                                + " \"factor\": 4, \"rope_theta\": 1000000.0}",
                        LINEAR_4_THETA_1E6),
                Variant.rope(
                        "dynamic within the trained length",
                        "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0},"
                                + " \"max_position_embeddings\": 24",
                        PLAIN),
                Variant.rope(
                        "dynamic beyond the trained length",
                        "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0},"
                                + " \"max_position_embeddings\": 16",
                        DYNAMIC_2_OF_16_AT_24),
                Variant.rope("llama3", "\"rope_scaling\": {" + LLAMA3 + "128}", LLAMA3_8_OF_128),
                Variant.rope(
                        "llama3, theta 5e5",
                        "\"rope_theta\": 500000.0, \"rope_scaling\": {" + LLAMA3 + "8192}",
                        LLAMA3_8_OF_8192_THETA_5E5),
                Variant.rope("sliding window", "\"sliding_window\": 64", PLAIN),
                new Variant("no grouping", "\"a\": 0", 4, 4, null, false, false, false, PLAIN),
                new Variant("one key head", "\"a\": 0", 4, 1, null, false, false, false, PLAIN),
                new Variant("narrow heads", "\"head_dim\": 8", 2, 2, 8, false, false, false, PLAIN),
                new Variant("wide heads", "\"head_dim\": 8", 6, 3, 8, false, false, false, PLAIN),
                new Variant(
                        "biases",
                        "\"attention_bias\": true, \"mlp_bias\": true",
                        4,
                        2,
                        null,
                        true,
                        true,
                        false,
                        PLAIN),
                new Variant(
                        "biases of attention alone",
                        "\"attention_bias\": true",
                        4,
                        2,
                        null,
                        true,
                        false,
                        false,
                        PLAIN),
                new Variant(
                        "tied head",
                        "\"tie_word_embeddings\": true",
                        4,
                        2,
                        null,
                        false,
                        false,
                        true,
                        PLAIN));
    }

    @BeforeAll
    static void load() {
        kernels = Kernels.load(Device.cpu());
    }

    @AfterAll
    static void close() {
        kernels.close();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("variants")
    void everyVariantEqualsThePlainReference(Variant variant) throws Exception {
        Random random = new Random(variant.name().hashCode());
        ReferenceDecoder reference = reference(variant, random);
        long[] ids = random.longs(LENGTH, 0, VOCABULARY).toArray();
        try (NDManager manager = kernels.newManager()) {
            Decoder decoder = write(variant, reference, manager);
            double[][] frequencies = new double[LENGTH][];
            Arrays.fill(frequencies, variant.frequencies());
            assertClose(read(decoder, manager, ids, LENGTH), reference.logits(ids, frequencies));
        }
    }

    /** Each step turns by the frequencies of its own length; the cached keys keep theirs. */
    @Test
    void dynamicFrequenciesGrowWithTheStepsOfAnAnswer() throws Exception {
        Variant variant =
                Variant.rope(
                        "steps",
                        "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0},"
                                + " \"max_position_embeddings\": 16",
                        PLAIN);
        Random random = new Random(5);
        ReferenceDecoder reference = reference(variant, random);
        long[] ids = random.longs(18, 0, VOCABULARY).toArray();
        try (NDManager manager = kernels.newManager()) {
            Decoder decoder = write(variant, reference, manager);
            double[][] frequencies = new double[18][];
            Arrays.fill(frequencies, PLAIN);
            frequencies[16] = DYNAMIC_2_OF_16_AT_17;
            frequencies[17] = DYNAMIC_2_OF_16_AT_18;
            assertClose(
                    read(decoder, manager, ids, 9, 16, 17, 18), reference.logits(ids, frequencies));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("variants")
    void frequenciesAreThoseOfTransformers(Variant variant) throws Exception {
        DecoderConfig config = config(variant);
        float[] found = RotaryEmbedding.inverseFrequencies(config, LENGTH);
        for (int i = 0; i < found.length; i++) {
            double expected = variant.frequencies()[i];
            assertThat((double) found[i])
                    .isCloseTo(expected, org.assertj.core.data.Offset.offset(expected * 1e-7));
        }
    }

    /**
     * Fine-tuning for a longer context leaves max_position_embeddings at the trained length (LLaVA's
     * train.py, model_max_length); the factor says how far the positions reach.
     */
    @Test
    void stretchedPositionsMakeTheContextLonger() throws Exception {
        String factor = "\"max_position_embeddings\": 4096, \"rope_scaling\": {\"factor\": 2.5,";
        assertThat(positions(factor + "\"type\": \"linear\"}")).isEqualTo(10_240);
        assertThat(positions(factor + "\"type\": \"dynamic\"}")).isEqualTo(10_240);
        // Llama 3.1 records the longer context itself.
        assertThat(positions(factor + "\"rope_type\": \"llama3\"}")).isEqualTo(4096);
        assertThat(positions(factor + "\"rope_type\": \"default\"}")).isEqualTo(4096);
        assertThat(
                        positions(
                                "\"max_position_embeddings\": 2147483647,"
                                        + " \"rope_scaling\": {\"factor\": 1e300, \"type\":"
                                        + " \"linear\"}"))
                .isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void aSlidingWindowBoundsTheContext() throws Exception {
        String positions = "\"max_position_embeddings\": 32768, ";
        assertThat(positions(positions + "\"sliding_window\": 4096")).isEqualTo(4096);
        assertThat(positions(positions + "\"sliding_window\": null")).isEqualTo(32_768);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0}",
                "\"rope_scaling\": {\"rope_type\": \"longrope\"}",
                "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0.5}",
                "\"rope_scaling\": {\"type\": \"linear\", \"factor\": \"2\"}",
                "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8,"
                        + " \"low_freq_factor\": 4, \"high_freq_factor\": 4}",
                "\"rope_scaling\": 3",
                "\"rope_theta\": 0",
                "\"rope_theta\": -1",
                "\"rms_norm_eps\": -1",
                "\"head_dim\": 7",
                "\"head_dim\": 0",
                "\"num_key_value_heads\": 3",
                "\"num_key_value_heads\": 8",
                "\"num_attention_heads\": 5",
                "\"num_hidden_layers\": 0",
                "\"hidden_act\": \"gelu\"",
                "\"hidden_act\": \"mystery\"",
                "\"vocab_size\": -3",
                "\"tie_word_embeddings\": 1"
            })
    void configurationsThatCannotBeComputedAreRefused(String entries) {
        assertThatThrownBy(() -> config(entries, 4, 2)).isInstanceOf(M3Exception.class);
    }

    private int positions(String entries) throws Exception {
        return config(entries, 4, 2).maximumPositions();
    }

    private static ReferenceDecoder reference(Variant variant, Random random) {
        int size = variant.headSize() == null ? 32 / variant.heads() : variant.headSize();
        int width = variant.headSize() == null ? variant.heads() * HEAD : 24;
        size = variant.headSize() == null ? HEAD : size;
        int inner = 20;
        Map<String, double[]> weights = new HashMap<>();
        int queries = variant.heads() * size;
        int keys = variant.keyHeads() * size;
        put(weights, random, "model.embed_tokens.weight", VOCABULARY * width, 1);
        for (int layer = 0; layer < 2; layer++) {
            String prefix = "model.layers." + layer + ".";
            put(weights, random, prefix + "input_layernorm.weight", width, 1);
            put(weights, random, prefix + "post_attention_layernorm.weight", width, 1);
            String self = prefix + "self_attn.";
            linear(weights, random, self + "q_proj", queries, width, variant.attentionBias());
            linear(weights, random, self + "k_proj", keys, width, variant.attentionBias());
            linear(weights, random, self + "v_proj", keys, width, variant.attentionBias());
            linear(weights, random, self + "o_proj", width, queries, variant.attentionBias());
            String mlp = prefix + "mlp.";
            linear(weights, random, mlp + "gate_proj", inner, width, variant.mlpBias());
            linear(weights, random, mlp + "up_proj", inner, width, variant.mlpBias());
            linear(weights, random, mlp + "down_proj", width, inner, variant.mlpBias());
        }
        put(weights, random, "model.norm.weight", width, 1);
        if (!variant.tied()) {
            put(weights, random, "lm_head.weight", VOCABULARY * width, 0.3);
        }
        return new ReferenceDecoder(
                weights, width, inner, 2, variant.heads(), variant.keyHeads(), size, 1e-5);
    }

    private static void linear(
            Map<String, double[]> weights,
            Random random,
            String name,
            int out,
            int in,
            boolean bias) {
        put(weights, random, name + ".weight", out * in, 1 / Math.sqrt(in));
        if (bias) {
            put(weights, random, name + ".bias", out, 0.5);
        }
    }

    /** Numbers that float32 holds exactly, so that both sides have the same. */
    private static void put(
            Map<String, double[]> weights, Random random, String name, int count, double scale) {
        weights.put(name, random.doubles(count, -scale, scale).map(x -> (float) x).toArray());
    }

    private Decoder write(Variant variant, ReferenceDecoder reference, NDManager manager)
            throws Exception {
        SafetensorsWriter writer = new SafetensorsWriter();
        reference
                .weights()
                .forEach(
                        (name, numbers) -> {
                            ByteBuffer bytes =
                                    ByteBuffer.allocate(4 * numbers.length)
                                            .order(ByteOrder.LITTLE_ENDIAN);
                            for (double number : numbers) {
                                bytes.putFloat((float) number);
                            }
                            Shape shape = shape(name, numbers.length, reference);
                            writer.add(
                                    new StoredTensor(
                                            name, ElementType.FLOAT32, shape, bytes.flip()));
                        });
        writer.writeFile(directory.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            Map<String, String> names = NameMap.detect(checkpoint.names()).theirsByOurs();
            Weights weights =
                    new Weights(
                            kernels,
                            manager,
                            checkpoint,
                            names,
                            Precision.FLOAT32,
                            false,
                            true,
                            () -> {});
            return new Decoder(weights, manager, config(variant));
        }
    }

    private static Shape shape(String name, int count, ReferenceDecoder reference) {
        if (name.endsWith(".bias") || name.contains("norm")) {
            return new Shape(count);
        }
        int in =
                name.contains("down_proj")
                        ? reference.inner()
                        : name.contains("o_proj")
                                ? reference.heads() * reference.headSize()
                                : reference.width();
        return new Shape(count / in, in);
    }

    private DecoderConfig config(Variant variant) throws Exception {
        int width = variant.headSize() == null ? variant.heads() * HEAD : 24;
        return config(
                "\"hidden_size\": " + width + ", " + variant.config(),
                variant.heads(),
                variant.keyHeads());
    }

    /** Entries given later win, as in Jackson. */
    private DecoderConfig config(String entries, int heads, int keyHeads) throws Exception {
        Path file = directory.resolve("config.json");
        String sizes =
                "\"hidden_size\": 32, \"intermediate_size\": 20, \"num_hidden_layers\": 2,"
                        + " \"num_attention_heads\": %d, \"num_key_value_heads\": %d,"
                        + " \"vocab_size\": 40, \"rms_norm_eps\": 1e-5,"
                        + " \"max_position_embeddings\": 64, \"rope_theta\": 10000.0";
        Files.writeString(
                file,
                "{"
                        + String.format(java.util.Locale.ROOT, sizes, heads, keyHeads)
                        + ", "
                        + entries
                        + "}");
        return DecoderConfig.of(ConfigJson.read(file), false);
    }

    private static float[] read(Decoder decoder, NDManager manager, long[] ids, int... ends) {
        float[] all = new float[ids.length * VOCABULARY];
        try (KvCache cache = decoder.newCache(ids.length)) {
            int start = 0;
            for (int end : ends) {
                NDArray x = decoder.embed(manager, Arrays.copyOfRange(ids, start, end));
                float[] logits = decoder.forward(manager, x, cache, false).toFloatArray();
                System.arraycopy(logits, 0, all, start * VOCABULARY, logits.length);
                start = end;
            }
        }
        return all;
    }

    private static void assertClose(float[] found, double[][] expected) {
        double worst = 0;
        double greatest = 0;
        for (int i = 0; i < found.length; i++) {
            double wanted = expected[i / VOCABULARY][i % VOCABULARY];
            greatest = Math.max(greatest, Math.abs(wanted));
            double distance = Math.abs(found[i] - wanted);
            worst = distance <= worst ? worst : distance; // NaN stays
        }
        assertThat(greatest).as("logits that say something").isGreaterThan(0.5);
        assertThat(worst).isLessThanOrEqualTo(TOLERANCE);
    }
}
