package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Any sizes and any canvases: counts, bars, order. */
class AnyResolutionPropertiesTest {

    private static final int TILE = 336;
    private static final Ladder LADDER = Ladder.ofGrid(24);

    /** A picture and the canvases there are for it. */
    record Case(int width, int height, AnyResolution any) {
        TileLayout layout() {
            return any.layout(width, height, TILE);
        }
    }

    @Provide
    Arbitrary<Case> cases() {
        Arbitrary<Integer> side =
                Arbitraries.oneOf(
                        Arbitraries.integers().between(1, 40),
                        Arbitraries.integers().between(1, 2_000),
                        Arbitraries.integers().between(1, 20_000));
        Arbitrary<List<Integer>> pair =
                Arbitraries.integers().between(1, 6).map(n -> n * TILE).list().ofSize(2);
        Arbitrary<AnyResolution> any =
                Combinators.combine(
                                pair.list().ofMinSize(1).ofMaxSize(8),
                                Arbitraries.of(PinpointOrder.values()),
                                Arbitraries.of(PatchMerge.values()))
                        .as(
                                (pairs, order, merge) ->
                                        AnyResolution.of(pairs, order, merge, OptionalInt.empty()));
        return Combinators.combine(side, side, any).as(Case::new);
    }

    @Property(tries = 500)
    void theCanvasKeepsMostPixelsAndOfSuchHasFewestToSpare(@ForAll("cases") Case c) {
        Resolution best = c.any().best(c.width(), c.height());
        assertThat(c.any().pinpoints()).contains(best);
        for (Resolution other : c.any().pinpoints()) {
            assertThat(kept(c, other)).isLessThanOrEqualTo(kept(c, best));
            if (kept(c, other) == kept(c, best)) {
                assertThat(area(other)).isGreaterThanOrEqualTo(area(best));
                boolean tie = area(other) == area(best);
                int order = c.any().pinpoints().indexOf(other) - c.any().pinpoints().indexOf(best);
                assertThat(!tie || order >= 0).as("the first of equals").isTrue();
            }
        }
    }

    private static long kept(Case c, Resolution canvas) {
        double scale =
                Math.min(
                        (double) canvas.width() / c.width(), (double) canvas.height() / c.height());
        long shown = (long) (c.width() * scale) * (long) (c.height() * scale);
        return Math.min(shown, (long) c.width() * c.height());
    }

    private static long area(Resolution size) {
        return (long) size.width() * size.height();
    }

    @Property(tries = 500)
    void countsFollowTheFormula(@ForAll("cases") Case c) {
        TileLayout layout = c.layout();
        for (Scale scale : LADDER.scales()) {
            TileLayout.Kept kept = layout.kept(scale);
            int tiles = layout.columns() * layout.rows();
            int expected =
                    scale.tokens()
                            + switch (c.any().merge()) {
                                case FLAT, SPATIAL -> tiles * scale.tokens();
                                case SPATIAL_UNPAD -> kept.height() * (kept.width() + 1);
                            };
            assertThat(layout.tokenCount(scale)).isEqualTo(expected);
            ImageScales same = ImageScales.same(scale, layout);
            assertThat(TokenOrder.of(layout, same).rows()).hasSize(expected);
        }
    }

    /** What is kept of the map is, to within a token, what the resized picture covers of it. */
    @Property(tries = 500)
    void unpaddingInvertsPaddingToWithinARow(@ForAll("cases") Case c) {
        TileLayout layout = c.layout();
        Resolution resized = layout.resized();
        Resolution canvas = new Resolution(layout.columns() * TILE, layout.rows() * TILE);
        assertThat(resized.width()).isBetween(1, canvas.width());
        assertThat(resized.height()).isBetween(1, canvas.height());
        assertThat(resized.width() == canvas.width() || resized.height() == canvas.height())
                .isTrue();
        if (c.any().merge() != PatchMerge.SPATIAL_UNPAD) {
            return;
        }
        for (Scale scale : LADDER.scales()) {
            double token = (double) TILE / scale.side();
            TileLayout.Kept kept = layout.kept(scale);
            // Bars are rounded down to tokens on both sides: up to one more than the picture
            // covers.
            assertThat(kept.height() - resized.height() / token).isBetween(-1.001, 2.0);
            assertThat(kept.width() - resized.width() / token).isBetween(-1.001, 2.0);
            assertThat(Math.abs(kept.top() * token - (canvas.height() - resized.height()) / 2.0))
                    .isLessThanOrEqualTo(token + 1);
            assertThat(Math.abs(kept.left() * token - (canvas.width() - resized.width()) / 2.0))
                    .isLessThanOrEqualTo(token + 1);
        }
    }

    /** The reference's own way: view, permute, flatten, slice, concatenate. */
    @Property(tries = 200)
    void theOrderIsThatOfTheReferencesTensors(@ForAll("cases") Case c) {
        TileLayout layout = c.layout();
        for (Scale scale : LADDER.scales()) {
            ImageScales same = ImageScales.same(scale, layout);
            assertThat(TokenOrder.of(layout, same).rows()).isEqualTo(reference(layout, scale));
        }
    }

    private static long[] reference(TileLayout layout, Scale scale) {
        int side = scale.side();
        List<Long> order = new ArrayList<>();
        LongStream.range(0, scale.tokens()).forEach(order::add);
        if (layout.merge() == PatchMerge.FLAT) {
            LongStream.range(scale.tokens(), (long) layout.tiles() * scale.tokens())
                    .forEach(order::add);
        } else {
            TileLayout.Kept kept = layout.kept(scale);
            for (int y = kept.top(); y < kept.bottom(); y++) {
                for (int x = kept.left(); x < kept.right(); x++) {
                    int tile = 1 + y / side * layout.columns() + x / side;
                    order.add((long) tile * scale.tokens() + y % side * side + x % side);
                }
                if (layout.merge() == PatchMerge.SPATIAL_UNPAD) {
                    order.add((long) layout.tiles() * scale.tokens());
                }
            }
        }
        return order.stream().mapToLong(Long::longValue).toArray();
    }

    /** Each tile shows the tokens that it would show if all had its scale, each once and in order. */
    @Property(tries = 200)
    void tilesOfDifferentScalesShowTheirOwnTokens(@ForAll("cases") Case c, @ForAll long seed) {
        TileLayout layout = c.layout();
        Random random = new Random(seed);
        List<Scale> scales = new ArrayList<>();
        for (int tile = 0; tile < layout.tiles(); tile++) {
            scales.add(LADDER.scales().get(random.nextInt(LADDER.scales().size())));
        }
        ImageScales mixed = new ImageScales(scales.get(0), scales.subList(1, scales.size()));
        TokenOrder order = TokenOrder.of(layout, mixed);
        assertThat(order.rows()).hasSize(layout.tokenCount(mixed));
        List<long[]> found = byTile(layout, order);
        for (int tile = 0; tile < layout.tiles(); tile++) {
            ImageScales same = ImageScales.same(mixed.of(tile), layout);
            long[] expected = byTile(layout, TokenOrder.of(layout, same)).get(tile);
            assertThat(found.get(tile)).as("tile %d of %s", tile, mixed).isEqualTo(expected);
        }
    }

    /** Which tokens of each tile, counted from its first, in the order in which they come. */
    private static List<long[]> byTile(TileLayout layout, TokenOrder order) {
        List<List<Long>> tokens = new ArrayList<>();
        for (int tile = 0; tile < layout.tiles(); tile++) {
            tokens.add(new ArrayList<>());
        }
        for (long row : order.rows()) {
            long rest = row;
            for (Scale scale : order.scales()) {
                long part = (long) layout.tiles() * scale.tokens();
                if (rest < part) {
                    tokens.get((int) (rest / scale.tokens())).add(rest % scale.tokens());
                    break;
                }
                rest -= part;
            }
        }
        return tokens.stream()
                .map(list -> list.stream().mapToLong(Long::longValue).toArray())
                .toList();
    }

    @Property(tries = 200)
    void aLimitOfTokensIsKept(
            @ForAll("cases") Case c, @ForAll @IntRange(min = 1, max = 12) int most) {
        AnyResolution limited =
                new AnyResolution(
                        c.any().pinpoints(), PatchMerge.SPATIAL_UNPAD, OptionalInt.of(most));
        TileLayout layout = limited.layout(c.width(), c.height(), TILE);
        for (Scale scale : LADDER.scales()) {
            ImageScales same = ImageScales.same(scale, layout);
            TileLayout.Kept kept = layout.kept(scale);
            double times =
                    Math.sqrt((double) kept.height() * kept.width() / (most * scale.tokens()));
            Optional<Resolution> shrunk = layout.shrunk(same);
            assertThat(shrunk.isPresent()).isEqualTo(times > 1.1);
            int expected = kept.height() * (kept.width() + 1);
            if (shrunk.isPresent()) {
                Resolution size = shrunk.get();
                assertThat((double) size.height())
                        .isBetween(kept.height() / times - 1, Math.max(1, kept.height() / times));
                assertThat((double) size.width())
                        .isBetween(kept.width() / times - 1, Math.max(1, kept.width() / times));
                // The limit itself, but for a picture of a token's breadth, which cannot become
                // narrower.
                if (Math.min(kept.height(), kept.width()) >= times) {
                    assertThat(size.height() * size.width())
                            .isLessThanOrEqualTo(most * scale.tokens());
                }
                expected = size.height() * (size.width() + 1);
                TokenOrder order = TokenOrder.of(layout, same);
                assertThat(order.rows()).hasSize(scale.tokens() + expected);
                assertThat(order.resized().orElseThrow().to()).isEqualTo(size);
                assertThat(order.resized().orElseThrow().rows())
                        .hasSize(kept.height() * kept.width());
            }
            assertThat(layout.tokenCount(scale)).isEqualTo(scale.tokens() + expected);
        }
    }

    @Property(tries = 12)
    void noSizeOfPictureFails(
            @ForAll @IntRange(min = 1, max = 3) int thin,
            @ForAll @IntRange(min = 1, max = 20_000) int length,
            @ForAll boolean upright) {
        int width = upright ? thin : length;
        int height = upright ? length : thin;
        tiled(width, height);
    }

    @Example
    void theLongestAndTheSmallestPicturesAreTiled() {
        for (int[] size : new int[][] {{1, 1}, {20_000, 3}, {3, 20_000}, {1, 2}, {5_000, 5_000}}) {
            tiled(size[0], size[1]);
        }
    }

    private static void tiled(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        Arrays.fill(rgb, (byte) 200);
        AnyResolution any =
                AnyResolution.of(
                        AnyResolution.DEFAULT_PINPOINTS,
                        PinpointOrder.WIDTH_HEIGHT,
                        PatchMerge.SPATIAL_UNPAD,
                        OptionalInt.empty());
        ImageProcessor processor =
                new ImageProcessor(ImageProcessorConfig.clip(), Optional.of(any));
        M3Image image = M3Image.ofRgb(width, height, rgb);
        TileLayout layout = processor.layout(width, height);
        float[] tiles = processor.tiles(image);
        assertThat(tiles).hasSize(layout.tiles() * 3 * TILE * TILE);
        // As many grey pixels as the resized picture has, all others black.
        float black = processor.pixels(M3Image.ofRgb(1, 1, new byte[3]))[0];
        int lit = 0;
        for (int tile = 1; tile < layout.tiles(); tile++) {
            for (int i = 0; i < TILE * TILE; i++) {
                lit += tiles[tile * 3 * TILE * TILE + i] == black ? 0 : 1;
            }
        }
        Resolution resized = layout.resized();
        assertThat(lit).isEqualTo(resized.width() * resized.height());
    }

    @Example
    void canvasesThatAreNotMadeOfTilesAreRefused() {
        AnyResolution odd =
                AnyResolution.of(
                        List.of(List.of(336, 500)),
                        PinpointOrder.WIDTH_HEIGHT,
                        PatchMerge.FLAT,
                        OptionalInt.empty());
        assertThatThrownBy(() -> odd.layout(10, 10, TILE))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("image_grid_pinpoints")
                .hasMessageContaining("multiples of 336")
                .hasMessageContaining("336×500");
        AnyResolution huge =
                new AnyResolution(
                        List.of(new Resolution(336 * 100, 336 * 100)),
                        PatchMerge.FLAT,
                        OptionalInt.empty());
        assertThatThrownBy(() -> huge.requireTiles(TILE)).hasMessageContaining("at most 256 tiles");
        assertThatThrownBy(() -> new AnyResolution(List.of(), PatchMerge.FLAT, OptionalInt.empty()))
                .hasMessageContaining("at least one");
        assertThatThrownBy(() -> PatchMerge.of("spatial_pool"))
                .hasMessageContaining("flat, spatial, spatial_unpad");
    }

    @Example
    void scalesAreThoseOfThePicturesTiles() {
        TileLayout layout =
                new Case(
                                640,
                                480,
                                new AnyResolution(
                                        List.of(new Resolution(672, 672)),
                                        PatchMerge.SPATIAL_UNPAD,
                                        OptionalInt.empty()))
                        .layout();
        ImageScales scales = ImageScales.of(Scale.of(144), Scale.of(36), layout);
        assertThat(scales).hasToString("base 144, tiles 36");
        assertThat(ImageScales.same(Scale.of(9), layout)).hasToString("9");
        ImageScales one = scales.with(3, Scale.of(576));
        assertThat(one).hasToString("base 144, tiles 36 36 576 36");
        assertThat(one.of(0)).isEqualTo(Scale.of(144));
        assertThat(one.of(3)).isEqualTo(Scale.of(576));
        assertThatThrownBy(() -> scales.with(5, Scale.of(1)))
                .hasMessage(
                        "tile 5: expected 0 for the base or 1 to 4, as many as the picture has");
        ImageScales whole = ImageScales.same(Scale.of(9), TileLayout.whole(10, 10, TILE));
        assertThatThrownBy(() -> layout.tokenCount(whole))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("each of the picture's 4 tiles");
        assertThatThrownBy(() -> scales.with(0, Scale.of(4)).require(LADDER))
                .hasMessageContaining("scale 4");
        // 18 of 24 lines are kept: 10 tokens high for tiles of 36, of which a line of the fine one
        // holds
        // one in four.
        assertThat(layout.tokenCount(scales)).isEqualTo(144 + 10 * 12 + 10);
    }
}
