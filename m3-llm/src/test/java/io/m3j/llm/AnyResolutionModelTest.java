package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import io.m3j.vision.M3Image;
import io.m3j.vision.TileLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that see pictures in their own resolution, and a scale for each part of one. */
class AnyResolutionModelTest {

    private static final String BF16 = "llava-next-m3-bf16";

    private static final Scale NINE = Scale.of(9);
    private static final Scale THIRTY_SIX = Scale.of(36);
    private static final Scale FINE = Scale.of(144);

    private static final LoadOptions FLOAT32 =
            LoadOptions.builder().precision(Precision.FLOAT32).build();

    private static final long[] IDS =
            GoldenModelTest.longs(Golden.json("golden/next.json").get("ids"));

    @TempDir Path temporary;

    private static M3Image land() {
        return M3Image.of(Golden.image("land_640x480.png"));
    }

    private static M3Model next() {
        return M3Model.load(Golden.checkpoint(BF16), FLOAT32);
    }

    private M3Model edited(Consumer<ObjectNode> change) throws IOException {
        Path copy = TestCheckpoint.link(BF16, temporary, "edited");
        TestCheckpoint.edit(copy, change);
        return M3Model.load(copy, FLOAT32);
    }

    @Test
    void whatAPictureCostsIsToldBeforeItIsEncoded() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land())) {
            assertThat(image.tiles()).isEqualTo(5);
            assertThat(image.at(NINE).getShape().getShape()).containsExactly(5, 9, 96);
            assertThat(model.layout(640, 480)).isEqualTo(image.layout());
            for (Scale scale : model.ladder().scales()) {
                int told = model.tokenCount(640, 480, scale);
                assertThat(image.tokenCount(scale)).isEqualTo(told);
                try (NDArray logits = model.logits(image, IDS, scale)) {
                    assertThat(logits.getShape().get(0)).isEqualTo(IDS.length - 1 + told);
                }
            }
            assertThatThrownBy(() -> model.tokenCount(640, 480, Scale.of(4)))
                    .isInstanceOf(M3Exception.class);
        }
    }

    @Test
    void oneScaleForAllPartsIsThatScale() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land());
                NDArray plain = model.logits(image, IDS, NINE);
                NDArray parts =
                        model.logits(
                                List.of(image),
                                IDS,
                                List.of(ImageScales.same(NINE, image.layout())))) {
            assertThat(parts.toFloatArray()).isEqualTo(plain.toFloatArray());
            GenerationOptions atNine = options().scale(NINE).build();
            GenerationOptions fixed = options().scales(ScalePolicy.fixed(NINE)).build();
            assertThat(model.generateIds(List.of(image), IDS, fixed))
                    .isEqualTo(model.generateIds(List.of(image), IDS, atNine));
        }
    }

    private static GenerationOptions.Builder options() {
        return GenerationOptions.builder().maxNewTokens(4).ignoreEndOfSequence(true);
    }

    @Test
    void baseAndTilesHaveTheTokensOfTheirOwnScales() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land());
                NDManager scope = model.newManager()) {
            ImageScales scales = ImageScales.of(FINE, NINE, image.layout());
            float[] found = image.tokens(scope, scales).toFloatArray();
            float[] base = image.at(FINE).toFloatArray();
            float[] tiles =
                    image.tokens(scope, ImageScales.same(NINE, image.layout())).toFloatArray();
            assertThat(Arrays.copyOf(found, 144 * 96)).isEqualTo(Arrays.copyOf(base, 144 * 96));
            assertThat(Arrays.copyOfRange(found, 144 * 96, found.length))
                    .isEqualTo(Arrays.copyOfRange(tiles, 9 * 96, tiles.length));
            assertThat(found).hasSize(96 * image.tokenCount(scales));
        }
    }

    /** Lines of the upper left tile at 36 tokens, beside and below those of the others at 9. */
    @Test
    void oneTileMayBeFinerThanThoseBesideIt() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land());
                NDManager scope = model.newManager()) {
            TileLayout layout = image.layout();
            ImageScales scales = ImageScales.same(NINE, layout).with(1, THIRTY_SIX);
            float[] found = image.tokens(scope, scales).toFloatArray();
            float[] nine = image.at(NINE).toFloatArray();
            float[] fine = image.at(THIRTY_SIX).toFloatArray();
            float[] newline = new float[96];
            float[] plain = image.tokens(scope, ImageScales.same(NINE, layout)).toFloatArray();
            System.arraycopy(plain, plain.length - 96, newline, 0, 96);
            // Kept are rows 1 to 5 of 6 of the fine tile, and rows 1 and 2 of 3 of the coarse one.
            float[] expected = new float[found.length];
            int at = copy(nine, 0, 9, expected, 0);
            for (int row = 1; row < 6; row++) {
                at = copy(fine, 36 + 6 * row, 6, expected, at);
                if (row % 2 == 0) {
                    at = copy(nine, 9 * 2 + 3 * row / 2, 3, expected, at);
                }
                at = copy(newline, 0, 1, expected, at);
            }
            for (int row = 0; row < 2; row++) {
                at = copy(nine, 9 * 3 + 3 * row, 3, expected, at);
                at = copy(nine, 9 * 4 + 3 * row, 3, expected, at);
                at = copy(newline, 0, 1, expected, at);
            }
            assertThat(at).isEqualTo(image.tokenCount(scales)).isEqualTo(found.length / 96);
            assertThat(found).isEqualTo(expected);
        }
    }

    private static int copy(float[] from, int row, int rows, float[] into, int at) {
        System.arraycopy(from, row * 96, into, at * 96, rows * 96);
        return at + rows;
    }

    @Test
    void aPolicySeesAllTilesAndChoosesForEach() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land())) {
            ScalePolicy liveliest =
                    seen -> {
                        ImageScales coarse = ImageScales.of(NINE, Scale.of(1), seen.layout());
                        float[] tokens = seen.at(NINE).toFloatArray();
                        int most = 1;
                        for (int tile = 2; tile < seen.tiles(); tile++) {
                            most = energy(tokens, tile) > energy(tokens, most) ? tile : most;
                        }
                        return coarse.with(most, FINE);
                    };
            GenerationOptions options = options().scales(liveliest).build();
            Request request = Request.ofIds(List.of(image), IDS, options);
            int expected = image.tokenCount(liveliest.choose(image));
            PreparedRequest prepared = model.prepare(request);
            assertThat(prepared.promptTokens()).isEqualTo(IDS.length - 1 + expected);
            Answer answer = model.generate(List.of(request)).get(0);
            assertThat(answer.visualTokens()).isEqualTo(expected);
            assertThat(answer.ids()).isEqualTo(model.generateIds(List.of(image), IDS, options));
        }
    }

    private static double energy(float[] tokens, int tile) {
        double sum = 0;
        for (int i = tile * 9 * 96; i < (tile + 1) * 9 * 96; i++) {
            sum += tokens[i] * tokens[i];
        }
        return sum;
    }

    @Test
    void scalesThatDoNotFitThePictureAreRefused() {
        try (M3Model model = next();
                EncodedImage image = model.encode(land())) {
            ImageScales two = new ImageScales(NINE, List.of(NINE, NINE));
            GenerationOptions options = options().scales(seen -> two).build();
            assertThatThrownBy(() -> model.generateIds(List.of(image), IDS, options))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("each of the picture's 4 tiles beside the base, found 2");
            ImageScales unknown = ImageScales.of(NINE, Scale.of(4), image.layout());
            assertThatThrownBy(() -> model.logits(List.of(image), IDS, List.of(unknown)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("scale 4");
            assertThatThrownBy(() -> model.logits(List.of(image), IDS, List.of()))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("1 images");
            GenerationOptions.Builder both =
                    options().scale(NINE).scales(ScalePolicy.fixed(THIRTY_SIX));
            assertThatThrownBy(both::build)
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("either one scale for all parts or a policy");
            GenerationOptions long1 =
                    GenerationOptions.builder()
                            .scales(ScalePolicy.fixed(FINE, THIRTY_SIX))
                            .maxNewTokens(8_192)
                            .build();
            assertThatThrownBy(() -> model.generateIds(List.of(image), IDS, long1))
                    .hasMessageContaining("at scale base 144, tiles 36");
        }
    }

    @Test
    void promptsShareWhatLiesBeforeThePartThatDiffers() {
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint(BF16));
                EncodedImage image = parts.encode(land())) {
            Prompt coarse = prompt(parts, image, ImageScales.same(NINE, image.layout()));
            Prompt again = prompt(parts, image, ImageScales.same(NINE, image.layout()));
            Prompt finer =
                    prompt(parts, image, ImageScales.same(NINE, image.layout()).with(2, FINE));
            assertThat(coarse.sharedWith(again)).isEqualTo(coarse.length());
            assertThat(coarse.sharedWith(finer)).isEqualTo(5);
        }
    }

    private static Prompt prompt(LoadedParts parts, EncodedImage image, ImageScales scales) {
        return parts.fusion.prompt(List.of(image), IDS, List.of(scales), 4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"flat", "spatial"})
    void mergesWithoutNewlinesShowEveryToken(String merge) throws IOException {
        try (M3Model model = edited(c -> c.put("mm_patch_merge_type", merge));
                EncodedImage image = model.encode(land());
                NDManager scope = model.newManager()) {
            float[] tokens =
                    image.tokens(scope, ImageScales.same(NINE, image.layout())).toFloatArray();
            float[] all = image.at(NINE).toFloatArray();
            assertThat(tokens).hasSameSizeAs(all);
            if (merge.equals("flat")) {
                assertThat(tokens).isEqualTo(all);
            } else {
                assertThat(tokens).isNotEqualTo(all);
                Arrays.sort(tokens);
                Arrays.sort(all);
                assertThat(tokens).isEqualTo(all);
            }
        }
    }

    /** The map of 4 × 6 tokens becomes one of at most 9: by the formula of interpolate, in double. */
    @Test
    void aMapBeyondTheLimitIsResampled() throws IOException {
        try (M3Model model = next();
                M3Model limited = edited(c -> c.put("image_aspect_ratio", "anyres_max_1"));
                EncodedImage image = model.encode(land());
                EncodedImage small = limited.encode(land());
                NDManager scope = limited.newManager();
                NDManager whole = model.newManager()) {
            ImageScales scales = ImageScales.same(NINE, image.layout());
            float[] map = image.tokens(whole, scales).toFloatArray();
            float[] found = small.tokens(scope, scales).toFloatArray();
            double times = Math.sqrt(4 * 6 / 9.0);
            int height = (int) (4 / times);
            int width = (int) (6 / times);
            assertThat(found).hasSize(96 * (9 + height * (width + 1)));
            assertThat(limited.tokenCount(640, 480, NINE)).isEqualTo(9 + height * (width + 1));
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    for (int d = 0; d < 96; d++) {
                        double expected =
                                bilinear(
                                        map,
                                        (y + .5) * 4 / height - .5,
                                        (x + .5) * 6 / width - .5,
                                        d);
                        float value = found[(9 + y * (width + 1) + x) * 96 + d];
                        assertThat(Math.abs(value - expected)).isLessThan(1e-5);
                    }
                }
            }
            // Where tiles have different scales there is no map to resample.
            ImageScales mixed = scales.with(1, THIRTY_SIX);
            assertThat(small.tokenCount(mixed)).isEqualTo(image.tokenCount(mixed));
        }
    }

    private static double bilinear(float[] tokens, double y, double x, int d) {
        double top = Math.max(0, y);
        double left = Math.max(0, x);
        int y0 = (int) top;
        int x0 = (int) left;
        int y1 = Math.min(3, y0 + 1);
        int x1 = Math.min(5, x0 + 1);
        double down = top - y0;
        double right = left - x0;
        return (1 - down) * ((1 - right) * at(tokens, y0, x0, d) + right * at(tokens, y0, x1, d))
                + down * ((1 - right) * at(tokens, y1, x0, d) + right * at(tokens, y1, x1, d));
    }

    /** Lines of six and a newline behind a base of nine. */
    private static double at(float[] tokens, int y, int x, int d) {
        return tokens[(9 + 7 * y + x) * 96 + d];
    }

    @Test
    void theCallersImageModeMakesOneTileOfAPicture() {
        LoadOptions padded =
                LoadOptions.builder()
                        .precision(Precision.FLOAT32)
                        .imageMode(LoadOptions.ImageMode.PAD)
                        .build();
        try (M3Model model = M3Model.load(Golden.checkpoint(BF16), padded);
                EncodedImage image = model.encode(land())) {
            assertThat(image.tiles()).isEqualTo(1);
            assertThat(image.tokenCount(NINE)).isEqualTo(9);
        }
    }

    @Test
    void thinAndTinyPicturesAreAnswered() {
        try (M3Model model = next()) {
            for (int[] size : new int[][] {{1, 1}, {20_000, 3}, {2, 900}}) {
                byte[] rgb = new byte[3 * size[0] * size[1]];
                try (EncodedImage image = model.encode(M3Image.ofRgb(size[0], size[1], rgb));
                        NDArray logits = model.logits(image, IDS, NINE)) {
                    int told = model.tokenCount(size[0], size[1], NINE);
                    assertThat(logits.getShape().get(0)).isEqualTo(IDS.length - 1 + told);
                    assertThat(logits.toFloatArray()[0]).isFinite();
                }
            }
        }
    }

    @Test
    void filesThatDoNotFitAreRefusedByName() throws IOException {
        Path without = TestCheckpoint.link("llava-m3", temporary, "without");
        JsonNode pinpoints =
                Golden.json("ckpt/" + BF16 + "/config.json").get("image_grid_pinpoints");
        TestCheckpoint.edit(
                without,
                c -> {
                    c.put("image_aspect_ratio", "anyres")
                            .put("mm_patch_merge_type", "spatial_unpad");
                    c.set("image_grid_pinpoints", pinpoints);
                });
        assertThatThrownBy(() -> M3Model.load(without))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tensor model.image_newline is missing");
        assertThatThrownBy(
                        () ->
                                edited(
                                        c ->
                                                c.putArray("image_grid_pinpoints")
                                                        .addArray()
                                                        .add(336)
                                                        .add(500)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("edited: image_grid_pinpoints: expected multiples of 336");
    }

    @Test
    void quantisedTilesAreSeenToo() {
        Path int8 = temporary.resolve("int8");
        QuantisedCheckpoint.write(Golden.checkpoint(BF16), Precision.INT8, int8, FLOAT32);
        assertThat(Files.exists(int8.resolve("config.json"))).isTrue();
        try (M3Model model = M3Model.load(int8);
                EncodedImage image = model.encode(land());
                NDArray logits = model.logits(image, IDS, NINE)) {
            assertThat(logits.getShape().get(0)).isEqualTo(51);
            GoldenTensors golden = Golden.tensors("golden/next.safetensors");
            float[] last = golden.f32("bf16.land_640x480.logits_last.9");
            float[] all = logits.toFloatArray();
            double error =
                    LogitError.relative(
                            Arrays.copyOfRange(all, all.length - 512, all.length), last);
            assertThat(error).isLessThan(0.2);
        }
    }
}
