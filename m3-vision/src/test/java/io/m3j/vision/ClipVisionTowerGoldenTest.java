package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.NameMap;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The tower alone against transformers' CLIPVisionModel and CLIPModel. */
class ClipVisionTowerGoldenTest {

    private static final float TOLERANCE = 1e-4f;

    @ParameterizedTest
    @CsvSource({
        "clip-vision, land_640x480",
        "clip-vision, port_300x451",
        "clip-full-bin, land_640x480",
        "clip-full-bin, port_300x451"
    })
    void everyHiddenStateAndTheSummaryEqualTheReference(String checkpoint, String image) {
        Path directory = Golden.checkpoint(checkpoint);
        ConfigJson json = ConfigJson.read(directory.resolve("config.json"));
        ClipVisionConfig config =
                ClipVisionConfig.of(
                        json.has("vision_config") ? json.object("vision_config") : json);
        GoldenTensors golden = Golden.tensors("golden/clip.safetensors");
        ImageProcessor processor = new ImageProcessor(ImageProcessorConfig.clip());
        try (Kernels kernels = Kernels.load(Device.cpu());
                NDManager scope = kernels.newManager();
                Checkpoint file = Checkpoint.open(directory)) {
            Weights weights =
                    new Weights(
                            kernels,
                            scope,
                            file,
                            NameMap.detect(file.names()).theirsByOurs(),
                            Precision.FLOAT32,
                            true,
                            true,
                            () -> {});
            ClipVisionTower tower = ClipVisionTower.load(weights, config, -1);
            FloatBuffer planes =
                    FloatBuffer.wrap(processor.pixels(M3Image.of(Golden.image(image + ".png"))));
            NDArray pixels = scope.create(planes, new Shape(1, 3, 336, 336));

            for (int k = 0; k <= config.layers(); k++) {
                NDArray state = tower.hiddenState(scope, pixels, k);
                compare(golden, image + ".hidden_states." + k, state);
            }
            compare(golden, image + ".hidden_m2", tower.hiddenState(scope, pixels, -2));
            NDArray last = tower.hiddenState(scope, pixels, -1);
            NDArray pooled = tower.pooled(scope, last);
            compare(golden, image + ".pooler_output", pooled);
            if (checkpoint.equals("clip-full-bin")) {
                compare(golden, image + ".image_embeds", tower.imageEmbedding(scope, pooled));
            }
        }
    }

    /** Whole states where the golden file has them whole, else the rows that it keeps. */
    private static void compare(GoldenTensors golden, String name, NDArray found) {
        float[] expected = golden.f32(name);
        float[] all = found.toFloatArray();
        float[] kept = all.length == expected.length ? all : goldenRows(all, expected.length);
        assertThat(kept).as(name).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(kept[i] - expected[i]))
                    .as("%s at %d", name, i)
                    .isLessThanOrEqualTo(TOLERANCE);
        }
    }

    private static float[] goldenRows(float[] all, int size) {
        List<Integer> rows = new ArrayList<>();
        JsonNode positions = Golden.json("golden/m3.json").get("clip_positions");
        positions.forEach(position -> rows.add(position.asInt()));
        int width = size / rows.size();
        float[] kept = new float[size];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(all, rows.get(i) * width, kept, i * width, width);
        }
        return kept;
    }
}
