package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code encode}, {@code logits} and {@code generate-ids} against the reference implementation. */
class EncoderAndDecoderCommandsTest {

    private static final float FEATURES = 1e-4f;
    private static final float LOGITS = 5e-4f;
    private static final Path MODEL = Golden.checkpoint("llava-m3");
    private static final Path IMAGE = Golden.image("land_640x480.png");
    private static final int[] SCALES = {1, 9, 36, 144, 576};

    @TempDir private Path directory;

    private static JsonNode goldenCase(String name) {
        return Golden.json("golden/m3.json").at("/cases/A/cases/" + name);
    }

    @Test
    void encodeWritesEveryStepOfTheReference() {
        Path out = directory.resolve("encoded.safetensors");
        Run run = Run.of("encode", "--model", MODEL, "--image", IMAGE, "--out", out);
        assertThat(run).isEqualTo(new Run(0, "", ""));
        GoldenTensors found = GoldenTensors.open(out);
        GoldenTensors golden = Golden.tensors("golden/m3_A.safetensors");
        assertThat(found.names())
                .containsExactly(
                        "pixels",
                        "features",
                        "tokens.1",
                        "tokens.9",
                        "tokens.36",
                        "tokens.144",
                        "tokens.576");
        assertThat(found.shape("pixels")).containsExactly(1, 3, 336, 336);
        assertThat(found.shape("features")).containsExactly(1, 576, 64);
        close(every(8, found, "features"), golden.f32("c0.vision_every8"), FEATURES);
        for (int scale : SCALES) {
            assertThat(found.shape("tokens." + scale)).containsExactly(1, scale, 96);
        }
        close(every(8, found, "tokens.576"), golden.f32("c0.projected_every8"), FEATURES);
        for (int scale : new int[] {1, 9, 36, 144}) {
            close(found.f32("tokens." + scale), golden.f32("c0.pooled." + scale), FEATURES);
        }
    }

    @Test
    void logitsAreThoseOfTheReferenceAtEveryScaleAskedFor() {
        Path out = directory.resolve("logits.safetensors");
        String ids = Ids.argument(goldenCase("c0").get("ids"));
        Run run =
                Run.of(
                        "logits",
                        "--model",
                        MODEL,
                        "--image",
                        IMAGE,
                        "--ids",
                        ids,
                        "--tokens",
                        "36,1, 9,1",
                        "--out",
                        out);
        assertThat(run).isEqualTo(new Run(0, "", ""));
        GoldenTensors found = GoldenTensors.open(out);
        assertThat(found.names()).containsExactly("logits.36", "logits.1", "logits.9");
        GoldenTensors golden = Golden.tensors("golden/m3_A.safetensors");
        for (int scale : new int[] {1, 9}) {
            String name = "logits." + scale;
            assertThat(found.shape(name)).isEqualTo(golden.shape("c0." + name));
            close(found.f32(name), golden.f32("c0." + name), LOGITS);
        }
        assertThat(found.shape("logits.36")).containsExactly(51, 512);
        float[] every16 = every(16, found, "logits.36");
        close(every16, golden.f32("c0.logits_every16.36"), LOGITS);
    }

    /** Every n-th row of the last dimension but one. */
    private static float[] every(int step, GoldenTensors tensors, String name) {
        long[] shape = tensors.shape(name);
        int width = (int) shape[shape.length - 1];
        float[] all = tensors.f32(name);
        int rows = all.length / width;
        float[] kept = new float[(rows + step - 1) / step * width];
        for (int row = 0; row < rows; row += step) {
            System.arraycopy(all, row * width, kept, row / step * width, width);
        }
        return kept;
    }

    @Test
    void aPictureAtAnyResolutionHasAsManyTilesAsTheReferenceCutsItInto() {
        Path out = directory.resolve("encoded.safetensors");
        Path model = Golden.checkpoint("llava-next-m3-bf16");
        Run run = Run.of("encode", "--model", model, "--image", IMAGE, "--out", out);
        assertThat(run).isEqualTo(new Run(0, "", ""));
        GoldenTensors found = GoldenTensors.open(out);
        JsonNode next = Golden.json("golden/next.json");
        JsonNode expected = next.at("/images/land_640x480");
        int tiles = expected.get("tiles").asInt();
        assertThat(found.shape("pixels")).containsExactly(tiles, 3, 336, 336);
        assertThat(found.shape("tokens.9")).containsExactly(tiles, 9, 96);
        Path logits = directory.resolve("logits.safetensors");
        String ids = Ids.argument(next.get("ids"));
        Run read =
                Run.of(
                        "logits",
                        "--model",
                        model,
                        "--image",
                        IMAGE,
                        "--ids",
                        ids,
                        "--tokens=1,9",
                        "--out",
                        logits);
        assertThat(read).isEqualTo(new Run(0, "", ""));
        GoldenTensors golden = Golden.tensors("golden/next.safetensors");
        for (int scale : new int[] {1, 9}) {
            float[] all = GoldenTensors.open(logits).f32("logits." + scale);
            float[] last = golden.f32("bf16.land_640x480.logits_last." + scale);
            close(Arrays.copyOfRange(all, all.length - last.length, all.length), last, LOGITS);
        }
    }

    @Test
    void logitsOfSeveralImagesTakeThemInTheirOrder() {
        Path out = directory.resolve("logits.safetensors");
        JsonNode input = goldenCase("c5");
        Run run =
                Run.of(
                        "logits",
                        "--model",
                        MODEL,
                        "--image",
                        IMAGE,
                        "--image",
                        Golden.image("tiny_3x5.png"),
                        "--ids=" + Ids.argument(input.get("ids")),
                        "--tokens=9",
                        "--out=" + out);
        assertThat(run).isEqualTo(new Run(0, "", ""));
        float[] all = GoldenTensors.open(out).f32("logits.9");
        float[] last4 = Golden.tensors("golden/m3_A.safetensors").f32("c5.logits_last4.9");
        close(Arrays.copyOfRange(all, all.length - last4.length, all.length), last4, LOGITS);
    }

    @Test
    void logitsOfTextAloneNeedNoScale() {
        Path out = directory.resolve("logits.safetensors");
        Run run = Run.of("logits", "--model", MODEL, "--ids", " 1 , 462", "--out", out);
        assertThat(run).isEqualTo(new Run(0, "", ""));
        assertThat(GoldenTensors.open(out).names()).containsExactly("logits");
        assertThat(GoldenTensors.open(out).shape("logits")).containsExactly(2, 512);
    }

    @Test
    void idsMayBeginWithAnImageSlotWhereverTheEqualsSignIs() {
        String rest = ",214,289";
        Run apart =
                Run.of(
                        "generate-ids",
                        "--model",
                        MODEL,
                        "--image",
                        IMAGE,
                        "--ids",
                        "-200" + rest,
                        "--tokens",
                        1,
                        "--max-new-tokens",
                        2,
                        "--json");
        Run joined =
                Run.of(
                        "generate-ids",
                        "--model",
                        MODEL,
                        "--image",
                        IMAGE,
                        "--ids=-200" + rest,
                        "--tokens=1",
                        "--max-new-tokens=2",
                        "--json");
        assertThat(apart.json().get("1")).hasSize(2);
        assertThat(joined).isEqualTo(apart);
    }

    @Test
    void generatedIdsAreThoseOfTheReferenceAtEveryScale() {
        JsonNode input = goldenCase("c1");
        Run run =
                Run.of(
                        "generate-ids",
                        "--model",
                        MODEL,
                        "--image",
                        Golden.image("port_300x451.png"),
                        "--ids",
                        Ids.argument(input.get("ids")),
                        "--max-new-tokens",
                        24,
                        "--ignore-eos",
                        "--json");
        JsonNode found = run.json();
        assertThat(found).hasSize(SCALES.length);
        for (int scale : SCALES) {
            assertThat(found.get("" + scale))
                    .as("scale %s", scale)
                    .isEqualTo(input.at("/scales/" + scale + "/generated"));
        }
    }

    @Test
    void generatedIdsWithoutJsonAreALineForEachScale() {
        Run run =
                Run.of(
                        "generate-ids",
                        "--model",
                        MODEL,
                        "--image",
                        IMAGE,
                        "--ids",
                        "1,-200",
                        "--tokens",
                        "1,9",
                        "--max-new-tokens",
                        2);
        assertThat(run.out()).matches("1: \\d+,\\d+\n9: \\d+,\\d+\n");
    }

    private static void close(float[] found, float[] expected, float tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            float distance = Math.abs(found[i] - expected[i]);
            assertThat(distance <= tolerance).as("element %s differs by %s", i, distance).isTrue();
        }
    }
}
