package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.Layout;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every case of next.json and next_hf_4.44.0.json, at every scale, in float32. */
class AnyResolutionGoldenModelTest {

    private static final float LOGITS = 5e-4f;
    private static final float FEATURES = 1e-4f;

    private static final JsonNode NEXT = Golden.json("golden/next.json");
    private static final GoldenTensors GOLDEN = Golden.tensors("golden/next.safetensors");
    private static final long[] IDS = GoldenModelTest.longs(NEXT.get("ids"));

    private static M3Image picture(String name) {
        return M3Image.of(Golden.image(name + ".png"));
    }

    private static M3Model load(Path checkpoint) {
        return M3Model.load(checkpoint, LoadOptions.builder().precision(Precision.FLOAT32).build());
    }

    /** The weights that the cases were computed with, under the names of the original layout. */
    private static Path original(Path parent) throws IOException {
        Path directory = Files.createDirectory(parent.resolve("llava-next-m3"));
        Path tower = Files.createDirectory(parent.resolve("clip-vision")); // its sizes alone
        Files.copy(
                Golden.checkpoint("clip-vision").resolve("config.json"),
                tower.resolve("config.json"));
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Checkpoint source = Checkpoint.open(Golden.checkpoint("llava-next-hf"))) {
            NameMap.detect(source.names())
                    .theirsByOurs()
                    .forEach(
                            (ours, theirs) -> {
                                TensorInfo info = source.info(theirs);
                                String name = Layout.ORIGINAL.theirs(ours).orElseThrow();
                                writer.add(
                                        new TensorInfo(name, info.type(), info.shape()),
                                        () ->
                                                new StoredTensor(
                                                        name,
                                                        info.type(),
                                                        info.shape(),
                                                        source.get(theirs).data()));
                            });
            writer.writeDirectory(directory, 1 << 30);
        }
        for (String file : new String[] {"config.json", "preprocessor_config.json"}) {
            Path config = Golden.checkpoint("llava-next-m3-bf16").resolve(file);
            Files.copy(config, directory.resolve(file));
        }
        return directory;
    }

    @Test
    void everyCaseEqualsTheReference(@TempDir Path directory) throws IOException {
        try (M3Model model = load(original(directory))) {
            for (var entry : NEXT.get("images").properties()) {
                String name = entry.getKey();
                try (EncodedImage image = model.encode(picture(name))) {
                    for (var scale : entry.getValue().get("scales").properties()) {
                        JsonNode expected = scale.getValue();
                        checkFeatures(model, name, image, scale.getKey(), expected);
                        check(model, name, image, scale.getKey(), expected);
                    }
                }
            }
        }
    }

    private static void checkFeatures(
            M3Model model, String name, EncodedImage image, String tokens, JsonNode expected) {
        ImageScales scales = ImageScales.same(Scale.of(Integer.parseInt(tokens)), image.layout());
        try (NDManager scope = model.newManager()) {
            NDArray features = image.tokens(scope, scales);
            assertThat(features.getShape().get(0)).isEqualTo(expected.get("total").asLong());
            float[] rows =
                    GoldenModelTest.everyRow(
                            features.toFloatArray(),
                            (int) features.getShape().get(1),
                            expected.get("feature_row_stride").asInt());
            String tensor = name + ".features_rows." + tokens;
            assertThat(GOLDEN.names()).contains(tensor);
            GoldenModelTest.close(GOLDEN, tensor, rows, FEATURES);
        }
    }

    private static void check(
            M3Model model, String name, EncodedImage image, String tokens, JsonNode expected) {
        Scale scale = Scale.of(Integer.parseInt(tokens));
        List<EncodedImage> images = List.of(image);
        try (NDArray logits = model.logits(images, IDS, scale)) {
            assertThat(logits.getShape().get(0)).isEqualTo(expected.get("seq_len").asLong());
            String tensor = name + ".logits_last." + tokens;
            assertThat(GOLDEN.names()).contains(tensor);
            GoldenModelTest.close(GOLDEN, tensor, Rows.last(logits), LOGITS);
        }
        if (expected.has("generated")) {
            GenerationOptions options =
                    GenerationOptions.builder()
                            .scale(scale)
                            .maxNewTokens(expected.get("generated").size())
                            .ignoreEndOfSequence(true)
                            .build();
            assertThat(model.generateIds(images, IDS, options))
                    .as("%s at scale %s", name, tokens)
                    .isEqualTo(GoldenModelTest.list(expected.get("generated")));
        }
    }

    @Test
    void theAuthorsLayoutInBfloat16EqualsTheReference() {
        JsonNode variant = NEXT.at("/variants/llava-next-m3-bf16");
        String name = variant.get("image").asText();
        try (M3Model model = load(Golden.checkpoint("llava-next-m3-bf16"));
                EncodedImage image = model.encode(picture(name))) {
            for (var scale : variant.get("scales").properties()) {
                check(model, "bf16." + name, image, scale.getKey(), scale.getValue());
            }
        }
    }

    /** Hugging Face's layout: the same numbers where its canvas is the same, its own length elsewhere. */
    @Test
    void huggingFacesLayoutBreaksTiesItsOwnWay() {
        JsonNode cases = Golden.json("golden/next_hf_4.44.0.json");
        Scale finest = Scale.of(576);
        int same = 0;
        try (M3Model model = load(Golden.checkpoint("llava-next-hf"))) {
            for (var entry : cases.properties()) {
                String name = entry.getKey();
                JsonNode lengths = entry.getValue().get("seq_len");
                boolean agree =
                        entry.getValue().get("max_abs_logit_diff_last4").asDouble() < LOGITS;
                try (EncodedImage image = model.encode(picture(name))) {
                    if (!agree) {
                        assertThat(IDS.length - 1 + image.tokenCount(finest))
                                .as(name)
                                .isEqualTo(lengths.get(0).asInt());
                        continue;
                    }
                    same++;
                    try (NDArray logits = model.logits(image, IDS, finest)) {
                        assertThat(logits.getShape().get(0)).isEqualTo(lengths.get(0).asLong());
                        GoldenModelTest.close(
                                GOLDEN, name + ".logits_last.576", Rows.last(logits), LOGITS);
                    }
                }
            }
        }
        assertThat(same).isEqualTo(5);
    }

    @Test
    void twoPicturesOfABatchAreReadAsEachAlone() {
        JsonNode batch = NEXT.get("batch2");
        Scale scale = Scale.of(batch.get("scale").asInt());
        try (M3Model model = load(Golden.checkpoint("llava-next-hf"))) {
            for (int i = 0; i < batch.get("images").size(); i++) {
                try (EncodedImage image =
                                model.encode(picture(batch.get("images").get(i).asText()));
                        NDArray logits = model.logits(image, IDS, scale)) {
                    assertThat(logits.getShape().get(0))
                            .isEqualTo(batch.get("lengths").get(i).asLong());
                    GoldenModelTest.close(
                            GOLDEN, "batch2." + i + ".logits_last", Rows.last(logits), LOGITS);
                }
            }
        }
    }
}
