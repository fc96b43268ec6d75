package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Canvases, tiles and counts of tokens as the authors' code and transformers have them. */
class AnyResolutionGoldenTest {

    private static final int TILE = 336;
    private static final JsonNode NEXT = Golden.json("golden/next.json");

    static AnyResolution anyResolution(JsonNode pairs, PinpointOrder order) {
        List<List<Integer>> sides = new ArrayList<>();
        pairs.forEach(pair -> sides.add(List.of(pair.get(0).asInt(), pair.get(1).asInt())));
        return AnyResolution.of(sides, order, PatchMerge.SPATIAL_UNPAD, OptionalInt.empty());
    }

    /** Every row: 595 sizes from 1×1 on, and two sets of canvases. */
    @Test
    void everyRowOfTheTableIsReproduced() {
        JsonNode table = Golden.json("golden/anyres_table.json");
        List<AnyResolution> sets = new ArrayList<>();
        table.get("pinpoint_sets")
                .forEach(set -> sets.add(anyResolution(set, PinpointOrder.WIDTH_HEIGHT)));
        assertThat(table.get("rows")).hasSizeGreaterThan(500);
        for (JsonNode row : table.get("rows")) {
            int width = row.get(1).asInt();
            int height = row.get(2).asInt();
            AnyResolution any = sets.get(row.get(0).asInt());
            TileLayout layout = any.layout(width, height, TILE);
            String name = width + "×" + height;
            assertThat(any.best(width, height))
                    .as(name)
                    .isEqualTo(new Resolution(row.get(3).asInt(), row.get(4).asInt()));
            assertThat(layout.columns()).as(name).isEqualTo(row.get(5).asInt());
            assertThat(layout.rows()).as(name).isEqualTo(row.get(6).asInt());
            if (!row.get(7).isNull()) { // which the reference did not write of large pictures
                assertThat(layout.resized()).as(name).isEqualTo(resolution(row.get(7)));
            }
            for (int i = 0; i < row.get(8).size(); i++) {
                Scale scale = Scale.of(table.get("scales").get(i).asInt());
                JsonNode expected = row.get(8).get(i);
                TileLayout.Kept kept = layout.kept(scale);
                assertThat(List.of(kept.height(), kept.width(), layout.tokenCount(scale)))
                        .as("%s at scale %s", name, scale)
                        .containsExactly(
                                expected.get(0).asInt(),
                                expected.get(1).asInt(),
                                expected.get(2).asInt());
            }
        }
    }

    static Stream<Arguments> images() {
        return NEXT.get("images").properties().stream()
                .map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void everyTileIsThatOfTheReferenceBitForBit(String name, JsonNode expected) {
        AnyResolution any = anyResolution(NEXT.get("pinpoints_wh"), PinpointOrder.WIDTH_HEIGHT);
        ImageProcessor processor =
                new ImageProcessor(ImageProcessorConfig.clip(), Optional.of(any));
        M3Image image = M3Image.of(Golden.image(name + ".png"));
        TileLayout layout = processor.layout(image.width(), image.height());
        assertThat(layout.tiles()).isEqualTo(expected.get("tiles").asInt());
        assertThat(layout.resized()).isEqualTo(resolution(expected.get("resized_wh")));
        int plane = 3 * TILE * TILE;
        float[] tiles = processor.tiles(image);
        assertThat(tiles).hasSize(layout.tiles() * plane);
        for (int tile = 0; tile < layout.tiles(); tile++) {
            CRC32 crc = new CRC32();
            byte[] levels = processor.tile(image, tile);
            crc.update(levels);
            assertThat(crc.getValue())
                    .as("tile %d", tile)
                    .isEqualTo(expected.get("tile_crc32").get(tile).asLong());
            // The numbers are those of the same levels as a picture of their own.
            float[] alone =
                    new ImageProcessor(ImageProcessorConfig.clip())
                            .pixels(M3Image.ofRgb(TILE, TILE, levels));
            assertThat(java.util.Arrays.copyOfRange(tiles, tile * plane, (tile + 1) * plane))
                    .isEqualTo(alone);
        }
        for (JsonNode scale : expected.get("scales")) {
            int tokens = scale.get("base").asInt();
            assertThat(layout.tokenCount(Scale.of(tokens))).isEqualTo(scale.get("total").asInt());
        }
    }

    /** The same list means other canvases where a tie is broken, and with them other counts. */
    @Test
    void theOrderOfThePairsDecidesTies() {
        JsonNode hf = Golden.json("golden/next_hf_4.44.0.json");
        AnyResolution original =
                anyResolution(NEXT.get("pinpoints_wh"), PinpointOrder.WIDTH_HEIGHT);
        AnyResolution huggingFace =
                anyResolution(NEXT.get("pinpoints_wh"), PinpointOrder.HEIGHT_WIDTH);
        int differing = 0;
        for (var entry : hf.properties()) {
            JsonNode size = NEXT.at("/images/" + entry.getKey() + "/size");
            int prompt = NEXT.get("ids").size() - 1;
            int width = size.get(0).asInt();
            int height = size.get(1).asInt();
            Scale finest = Scale.of(576);
            JsonNode expected = entry.getValue().get("seq_len");
            int found = prompt + huggingFace.layout(width, height, TILE).tokenCount(finest);
            assertThat(found).as(entry.getKey()).isEqualTo(expected.get(0).asInt());
            int other = prompt + original.layout(width, height, TILE).tokenCount(finest);
            assertThat(other).as(entry.getKey()).isEqualTo(expected.get(1).asInt());
            differing += found == other ? 0 : 1;
        }
        assertThat(differing).isPositive();
    }

    private static Resolution resolution(JsonNode pair) {
        return new Resolution(pair.get(0).asInt(), pair.get(1).asInt());
    }
}
