package io.m3j.vision;

import io.m3j.core.M3Exception;
import java.util.List;
import java.util.OptionalInt;

/**
 * LLaVA-NeXT's way to see a picture in its own resolution: it is brought onto the one of some canvases
 * that serves it best, the canvas is cut into tiles of the tower's size, and the whole picture, resized
 * to one tile, comes before them ({@code process_anyres_image} in llava/mm_utils.py).
 *
 * @param pinpoints the canvases; of two that serve equally well the first is taken
 * @param merge how the tiles' tokens become one sequence
 * @param mostTiles the N of {@code anyres_max_N}: tokens of how many tiles the map may have before it is
 *     made smaller; empty means as many as there are
 */
public record AnyResolution(List<Resolution> pinpoints, PatchMerge merge, OptionalInt mostTiles) {

    /** The canvases of LLaVA-NeXT, by width and height, where a checkpoint names none. */
    public static final List<List<Integer>> DEFAULT_PINPOINTS =
            List.of(
                    List.of(336, 672),
                    List.of(672, 336),
                    List.of(672, 672),
                    List.of(1008, 336),
                    List.of(336, 1008));

    /** A tower that sees more at once does not exist; a damaged file could ask for gigabytes. */
    private static final int MOST_TILES = 256;

    /** Checks that there is a canvas. */
    public AnyResolution {
        pinpoints = List.copyOf(pinpoints);
        if (pinpoints.isEmpty()) {
            throw new M3Exception("image_grid_pinpoints: expected at least one, found none");
        }
        if (mostTiles.isPresent() && mostTiles.getAsInt() < 1) {
            throw new M3Exception(
                    "anyres_max_" + mostTiles.getAsInt() + ": expected a number of at least 1");
        }
    }

    /**
     * @param pairs the canvases' sides
     * @param order in which each pair names them
     * @param merge how the tiles' tokens become one sequence
     * @param mostTiles the N of {@code anyres_max_N}, if any
     * @return the same by width and height
     */
    public static AnyResolution of(
            List<List<Integer>> pairs,
            PinpointOrder order,
            PatchMerge merge,
            OptionalInt mostTiles) {
        return new AnyResolution(
                pairs.stream().map(pair -> order.resolution(pair.get(0), pair.get(1))).toList(),
                merge,
                mostTiles);
    }

    /**
     * The canvas on which most pixels of a picture are kept, and of several such the one with the fewest
     * to spare ({@code select_best_resolution}).
     *
     * @param width of the picture, pixels
     * @param height of the picture, pixels
     * @return one of {@link #pinpoints}
     */
    public Resolution best(int width, int height) {
        Resolution best = null;
        long most = 0;
        long leastWaste = Long.MAX_VALUE;
        for (Resolution canvas : pinpoints) {
            double scale =
                    Math.min((double) canvas.width() / width, (double) canvas.height() / height);
            long shown = (long) (int) (width * scale) * (int) (height * scale);
            long kept = Math.min(shown, (long) width * height);
            long waste = (long) canvas.width() * canvas.height() - kept;
            if (kept > most || kept == most && waste < leastWaste) {
                most = kept;
                leastWaste = waste;
                best = canvas;
            }
        }
        return best;
    }

    /**
     * @param width of a picture, pixels
     * @param height of a picture, pixels
     * @param tileSize side of a tile, pixels
     * @return how it is cut
     * @throws M3Exception as {@link #requireTiles}
     */
    public TileLayout layout(int width, int height, int tileSize) {
        requireTiles(tileSize);
        Resolution canvas = best(width, height);
        return new TileLayout(
                width,
                height,
                tileSize,
                canvas.width() / tileSize,
                canvas.height() / tileSize,
                merge,
                mostTiles);
    }

    /**
     * @param tileSize side of a tile, pixels
     * @return tiles of the picture that has most, the whole picture as one among them
     */
    public int tilesAtMost(int tileSize) {
        return pinpoints.stream()
                .mapToInt(c -> 1 + (c.width() / tileSize) * (c.height() / tileSize))
                .max()
                .orElseThrow();
    }

    /**
     * @param tileSize side of a tile, pixels
     * @throws M3Exception if a canvas is not made of whole tiles, or of too many
     */
    public void requireTiles(int tileSize) {
        for (Resolution canvas : pinpoints) {
            if (canvas.width() % tileSize != 0 || canvas.height() % tileSize != 0) {
                throw new M3Exception(
                        "image_grid_pinpoints: expected multiples of "
                                + tileSize
                                + " pixels, the size of the vision tower's pictures, found "
                                + canvas);
            }
            long tiles = (long) (canvas.width() / tileSize) * (canvas.height() / tileSize);
            if (tiles > MOST_TILES) {
                throw new M3Exception(
                        "image_grid_pinpoints: expected canvases of at most "
                                + MOST_TILES
                                + " tiles, found "
                                + canvas
                                + " of "
                                + tiles);
            }
        }
    }
}
