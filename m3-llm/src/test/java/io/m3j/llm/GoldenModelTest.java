package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whole models against the reference implementations: every case of m3_A, m3_B, m3_variants and
 * hf_variants, at every scale, in float32.
 */
class GoldenModelTest {

    /** The tolerances of the golden README. */
    private static final float LOGITS = 5e-4f;

    private static final float FEATURES = 1e-4f;
    private static final int NEW_TOKENS = 24;

    /** A checkpoint, the cases it is held to, and where their numbers are. */
    private record Run(String checkpoint, JsonNode cases, GoldenTensors tensors, String prefix) {

        @Override
        public String toString() {
            return checkpoint;
        }
    }

    static Stream<Arguments> runs() {
        JsonNode m3 = Golden.json("golden/m3.json");
        JsonNode a = m3.at("/cases/A/cases");
        JsonNode b = m3.at("/cases/B/cases");
        GoldenTensors tensorsA = Golden.tensors("golden/m3_A.safetensors");
        GoldenTensors tensorsB = Golden.tensors("golden/m3_B.safetensors");
        return Stream.of(
                        new Run("llava-m3", a, tensorsA, ""),
                        // The same numbers in Hugging Face's layout; the reference found no
                        // difference.
                        new Run("llava-hf", a, tensorsA, ""),
                        new Run("llava-m3-gqa-sharded", b, tensorsB, ""))
                .map(Arguments::of);
    }

    static Stream<Arguments> variants() {
        JsonNode m3 = Golden.json("golden/m3.json").get("variants");
        JsonNode hf = Golden.json("golden/hf.json").get("variants");
        GoldenTensors m3Tensors = Golden.tensors("golden/m3_variants.safetensors");
        GoldenTensors hfTensors = Golden.tensors("golden/hf_variants.safetensors");
        List<Arguments> runs = new ArrayList<>();
        m3.properties()
                .forEach(
                        entry -> {
                            JsonNode run = entry.getValue();
                            String name = run.get("case").asText();
                            JsonNode scales = run.get("scales");
                            runs.add(Arguments.of(entry.getKey(), name, scales, m3Tensors));
                        });
        hf.properties()
                .forEach(
                        run ->
                                run.getValue()
                                        .properties()
                                        .forEach(
                                                c ->
                                                        runs.add(
                                                                Arguments.of(
                                                                        run.getKey(),
                                                                        c.getKey(),
                                                                        c.getValue(),
                                                                        hfTensors))));
        return runs.stream();
    }

    @ParameterizedTest
    @MethodSource("runs")
    void everyCaseEqualsTheReference(Run run) {
        try (M3Model model = M3Model.load(Golden.checkpoint(run.checkpoint()))) {
            run.cases()
                    .properties()
                    .forEach(
                            entry -> {
                                List<EncodedImage> images = encode(model, entry.getValue());
                                checkCase(model, run, entry.getKey(), entry.getValue(), images);
                                images.forEach(EncodedImage::close);
                            });
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("variants")
    void everyLayoutAndTypeEqualsTheReference(
            String checkpoint, String name, JsonNode scales, GoldenTensors tensors) {
        JsonNode input = Golden.json("golden/m3.json").at("/cases/A/cases/" + name);
        long[] ids = longs(input.get("ids"));
        try (M3Model model = M3Model.load(Golden.checkpoint(checkpoint))) {
            List<EncodedImage> images = encode(model, input);
            String prefix = checkpoint + "." + name;
            scales.properties()
                    .forEach(
                            scale ->
                                    checkScale(
                                            model,
                                            tensors,
                                            prefix,
                                            ids,
                                            images,
                                            scale.getKey(),
                                            scale.getValue()));
            images.forEach(EncodedImage::close);
        }
    }

    private static List<EncodedImage> encode(M3Model model, JsonNode input) {
        List<EncodedImage> images = new ArrayList<>();
        input.get("images")
                .forEach(
                        name ->
                                images.add(
                                        model.encode(
                                                M3Image.of(Golden.image(name.asText() + ".png")))));
        return images;
    }

    private static void checkCase(
            M3Model model, Run run, String name, JsonNode input, List<EncodedImage> images) {
        long[] ids = longs(input.get("ids"));
        checkEncoder(model, run, name, input, images.get(0));
        input.get("scales")
                .properties()
                .forEach(
                        scale ->
                                checkScale(
                                        model,
                                        run.tensors(),
                                        run.prefix() + name,
                                        ids,
                                        images,
                                        scale.getKey(),
                                        scale.getValue()));
    }

    private static void checkEncoder(
            M3Model model, Run run, String name, JsonNode input, EncodedImage image) {
        GoldenTensors golden = run.tensors();
        try (NDManager scope = model.newManager()) {
            M3Image picture =
                    M3Image.of(Golden.image(input.get("images").get(0).asText() + ".png"));
            NDArray features =
                    model.encoder().features(scope, model.encoder().pixels(scope, picture));
            everyEighth(golden, name + ".vision", features);
            everyEighth(golden, name + ".projected", image.at(Scale.of(576)));
            for (Scale scale : image.ladder().scales()) {
                close(golden, name + ".pooled." + scale, image.at(scale).toFloatArray(), FEATURES);
            }
        }
    }

    private static void everyEighth(GoldenTensors golden, String name, NDArray grid) {
        int width = (int) grid.getShape().get(2);
        float[] kept = everyRow(grid.toFloatArray(), width, 8);
        close(golden, name + "_every8", kept, FEATURES);
    }

    private static void checkScale(
            M3Model model,
            GoldenTensors golden,
            String name,
            long[] ids,
            List<EncodedImage> images,
            String tokens,
            JsonNode expected) {
        Scale scale = Scale.of(Integer.parseInt(tokens));
        try (NDArray logits = model.logits(images, ids, scale)) {
            assertThat(logits.getShape().get(0)).isEqualTo(expected.get("seq_len").asLong());
            float[] all = logits.toFloatArray();
            int width = (int) logits.getShape().get(1);
            close(golden, name + ".logits." + tokens, all, LOGITS);
            close(golden, name + ".logits_last4." + tokens, lastRows(all, width, 4), LOGITS);
            close(golden, name + ".logits_every16." + tokens, everyRow(all, width, 16), LOGITS);
        }
        List<Long> generated = list(expected.get("generated"));
        GenerationOptions options =
                GenerationOptions.builder()
                        .scale(scale)
                        .maxNewTokens(NEW_TOKENS)
                        .ignoreEndOfSequence(true)
                        .build();
        assertThat(model.generateIds(images, ids, options))
                .as("%s at scale %s", name, tokens)
                .isEqualTo(generated);
    }

    /** Compares with a golden tensor, if there is one of that name. */
    static void close(GoldenTensors golden, String name, float[] found, float tolerance) {
        if (!golden.names().contains(name)) {
            return;
        }
        float[] expected = golden.f32(name);
        assertThat(found).as(name).hasSameSizeAs(expected);
        float worst = 0;
        for (int i = 0; i < expected.length; i++) {
            float distance = Math.abs(found[i] - expected[i]);
            worst = distance <= worst ? worst : distance; // NaN stays
        }
        assertThat(worst).as("greatest difference of %s", name).isLessThanOrEqualTo(tolerance);
    }

    static float[] lastRows(float[] all, int width, int rows) {
        return java.util.Arrays.copyOfRange(
                all, Math.max(0, all.length - rows * width), all.length);
    }

    static float[] everyRow(float[] all, int width, int step) {
        int rows = all.length / width;
        float[] kept = new float[(rows + step - 1) / step * width];
        for (int row = 0; row < rows; row += step) {
            System.arraycopy(all, row * width, kept, row / step * width, width);
        }
        return kept;
    }

    static long[] longs(JsonNode array) {
        return list(array).stream().mapToLong(Long::longValue).toArray();
    }

    static List<Long> list(JsonNode array) {
        List<Long> values = new ArrayList<>();
        array.forEach(value -> values.add(value.asLong()));
        return values;
    }
}
