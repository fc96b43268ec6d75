package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.FloatType;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.StoredTensor;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Inside the models of m3_A and m3_B: fusion, every layer, every step, and when an answer ends. */
class GoldenDecoderTest {

    /** The tolerances of the golden README. */
    private static final float LOGITS = 5e-4f;

    private static final float FEATURES = 1e-4f;

    /** A checkpoint and the case whose insides the golden files keep. */
    private record Run(String checkpoint, String cases, String inside, GoldenTensors golden) {

        JsonNode input(String name) {
            return Golden.json("golden/m3.json").at(cases + "/cases/" + name);
        }

        @Override
        public String toString() {
            return checkpoint;
        }
    }

    static Stream<Run> runs() {
        return Stream.of(
                new Run("llava-m3", "/cases/A", "c0", Golden.tensors("golden/m3_A.safetensors")),
                new Run(
                        "llava-m3-gqa-sharded",
                        "/cases/B",
                        "c1",
                        Golden.tensors("golden/m3_B.safetensors")));
    }

    @ParameterizedTest
    @MethodSource("runs")
    void visualTokensStandWhereThePromptHasItsSlot(Run run) {
        JsonNode input = run.input(run.inside());
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint(run.checkpoint()));
                EncodedImage image = parts.encode(picture(input, 0));
                NDManager scope = parts.kernels.newManager()) {
            long[] ids = GoldenModelTest.longs(input.get("ids"));
            NDArray fused = parts.fusion.fuse(scope, List.of(image), ids, Scale.of(9));
            String name = run.inside() + ".inputs_embeds.9";
            assertClose(run.golden(), name, fused.toFloatArray(), FEATURES);
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void everyLayerOfATextPromptEqualsTheReference(Run run) {
        long[] ids = GoldenModelTest.longs(Golden.json("golden/m3.json").get("text_only_ids"));
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint(run.checkpoint()));
                NDManager scope = parts.kernels.newManager();
                KvCache cache = parts.decoder().newCache(ids.length)) {
            Decoder decoder = parts.decoder();
            NDArray embeddings = parts.fusion.fuse(scope, List.of(), ids, Scale.of(1));
            long[] starts = {0};
            long[] lengths = {ids.length};
            RotaryEmbedding.Rows rows = decoder.rotary().rows(scope, starts, lengths);
            List<Decoder.Span> spans = List.of(new Decoder.Span(cache, ids.length));
            NDArray x = embeddings;
            int layers = decoder.config().layers();
            for (int i = 0; i < layers; i++) {
                assertClose(run.golden(), "text.hidden_states." + i, x.toFloatArray(), FEATURES);
                x = decoder.layer(scope, i, x, rows, spans, starts, lengths);
            }
            float[] last = x.toFloatArray();
            norm(parts, Golden.checkpoint(run.checkpoint()), last);
            assertClose(run.golden(), "text.hidden_states." + layers, last, FEATURES);
            float[] logits = parts.logits(embeddings, ids.length);
            assertClose(run.golden(), "text.logits", logits, LOGITS);
        }
        try (M3Model model = M3Model.load(Golden.checkpoint(run.checkpoint()));
                NDArray logits = model.logits(List.of(), ids, Scale.of(576))) {
            assertClose(run.golden(), "text.logits", logits.toFloatArray(), LOGITS);
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void everyCachedStepEqualsTheReference(Run run) {
        JsonNode input = run.input(run.inside());
        long[] ids = GoldenModelTest.longs(input.get("ids"));
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint(run.checkpoint()));
                EncodedImage image = parts.encode(picture(input, 0));
                NDManager scope = parts.kernels.newManager()) {
            for (int tokens : List.of(9, 144)) {
                Scale scale = Scale.of(tokens);
                long[] generated =
                        GoldenModelTest.longs(input.at("/scales/" + tokens + "/generated"));
                List<float[]> steps = new ArrayList<>();
                NDArray x = parts.fusion.fuse(scope, List.of(image), ids, scale);
                int capacity = (int) x.getShape().get(0) + generated.length;
                try (KvCache cache = parts.decoder().newCache(capacity)) {
                    for (long id : generated) {
                        steps.add(parts.decoder().forward(scope, x, cache, true).toFloatArray());
                        x = parts.decoder().embed(scope, id);
                    }
                }
                String name = run.inside() + ".step_logits." + tokens;
                assertClose(run.golden(), name, joined(steps), LOGITS);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void anAnswerEndsWithTheEndOfSequenceId(Run run, @TempDir Path temporary) throws Exception {
        JsonNode cases = Golden.json("golden/m3.json").at(run.cases() + "/cases");
        for (var entry : cases.properties()) {
            JsonNode test = entry.getValue().get("eos_test");
            Path directory = TestCheckpoint.link(run.checkpoint(), temporary, entry.getKey());
            Files.writeString(
                    directory.resolve("generation_config.json"),
                    "{\"eos_token_id\": " + test.get("eos_token_id") + "}");
            try (M3Model model = M3Model.load(directory)) {
                List<EncodedImage> images = new ArrayList<>();
                for (int i = 0; i < entry.getValue().get("images").size(); i++) {
                    images.add(model.encode(picture(entry.getValue(), i)));
                }
                GenerationOptions options =
                        GenerationOptions.builder()
                                .scale(Scale.of(test.get("scale").asInt()))
                                .maxNewTokens(24)
                                .build();
                long[] ids = GoldenModelTest.longs(entry.getValue().get("ids"));
                assertThat(model.generateIds(images, ids, options))
                        .as(entry.getKey())
                        .isEqualTo(GoldenModelTest.list(test.get("generated")));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void scalesThatTheOfficialCodeRoundsAreRefused(Run run) {
        JsonNode others =
                Golden.json("golden/m3.json").at(run.cases() + "/other_scales_projected_L0");
        assertThat(others).isNotEmpty();
        try (M3Model model = M3Model.load(Golden.checkpoint(run.checkpoint()));
                EncodedImage image = model.encode(picture(run.input(run.inside()), 0))) {
            others.fieldNames()
                    .forEachRemaining(
                            tokens ->
                                    assertThatThrownBy(
                                                    () ->
                                                            image.at(
                                                                    Scale.of(
                                                                            Integer.parseInt(
                                                                                    tokens))))
                                            .as(tokens)
                                            .isInstanceOf(M3Exception.class)
                                            .hasMessageContaining("scale " + tokens)
                                            .hasMessageContaining("1, 9, 36, 144")
                                            .hasMessageContaining("576"));
        }
    }

    /** The last norm, which transformers applies before it keeps the last state. */
    private static void norm(LoadedParts parts, Path directory, float[] rows) {
        float[] weight;
        try (Checkpoint file = Checkpoint.open(directory);
                NDManager scope = parts.kernels.newManager()) {
            StoredTensor stored = file.get("model.norm.weight");
            weight = parts.kernels.load(scope, stored, FloatType.FLOAT32).toFloatArray();
        }
        double epsilon = parts.decoder().config().rmsNormEpsilon();
        for (int row = 0; row < rows.length; row += weight.length) {
            double squares = 0;
            for (int i = 0; i < weight.length; i++) {
                squares += (double) rows[row + i] * rows[row + i];
            }
            double scale = 1 / Math.sqrt(squares / weight.length + epsilon);
            for (int i = 0; i < weight.length; i++) {
                rows[row + i] = (float) (rows[row + i] * scale * weight[i]);
            }
        }
    }

    private static M3Image picture(JsonNode input, int index) {
        return M3Image.of(Golden.image(input.get("images").get(index).asText() + ".png"));
    }

    private static float[] joined(List<float[]> rows) {
        int width = rows.get(0).length;
        float[] all = new float[rows.size() * width];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, all, i * width, width);
        }
        return all;
    }

    private static void assertClose(
            GoldenTensors golden, String name, float[] found, float tolerance) {
        assertThat(golden.names()).contains(name);
        GoldenModelTest.close(golden, name, found, tolerance);
    }
}
