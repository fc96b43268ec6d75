package io.m3j.vision;

import io.m3j.core.Scale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How one picture is cut into tiles, and what that costs: all of it told by the picture's size, before a
 * pixel is looked at.
 *
 * <p>Tile 0 is the base, the whole picture resized to one tile; the others follow row by row. Of a
 * picture that is not cut the base is all there is.
 *
 * @param width of the picture, pixels
 * @param height of the picture, pixels
 * @param tileSize side of a tile, pixels
 * @param columns tiles side by side on the canvas; 0 if the picture is not cut
 * @param rows tiles on top of each other; 0 if it is not cut
 * @param merge how the tiles' tokens become one sequence
 * @param mostTiles tokens of how many tiles the map may have before it is made smaller; empty means as
 *     many as there are
 */
public record TileLayout(
        int width,
        int height,
        int tileSize,
        int columns,
        int rows,
        PatchMerge merge,
        OptionalInt mostTiles) {

    /** A map that is larger by less is left alone, as in LLaVA-NeXT's llava_arch.py. */
    private static final double TOLERATED_EXCESS = 1.1;

    /**
     * The part of a map that shows the picture: what lies outside of it are black bars.
     *
     * @param top the first line
     * @param bottom the one behind the last
     * @param left the first token of a line
     * @param right the one behind the last
     */
    public record Kept(int top, int bottom, int left, int right) {
        /**
         * @return lines; 0 where the picture is thinner than a token
         */
        public int height() {
            return bottom - top;
        }

        /**
         * @return tokens of a line; 0 where the picture is thinner than a token
         */
        public int width() {
            return right - left;
        }

        /** The part of it that lies in one tile. */
        Kept in(int row, int column, int side) {
            return new Kept(
                    within(top - row * side, side),
                    within(bottom - row * side, side),
                    within(left - column * side, side),
                    within(right - column * side, side));
        }

        private static int within(int position, int side) {
            return Math.max(0, Math.min(side, position));
        }
    }

    /**
     * @param width of a picture, pixels
     * @param height of a picture, pixels
     * @param tileSize side of a tile, pixels
     * @return the layout of a picture that is not cut
     */
    public static TileLayout whole(int width, int height, int tileSize) {
        return new TileLayout(width, height, tileSize, 0, 0, PatchMerge.FLAT, OptionalInt.empty());
    }

    /**
     * @return how many tiles there are, the base among them
     */
    public int tiles() {
        return 1 + columns * rows;
    }

    /**
     * The picture on the canvas, resized to fit: the longer side as the canvas's, the other rounded up.
     *
     * @return its size there; what is left of the canvas are black bars
     */
    public Resolution resized() {
        int canvasWidth = columns * tileSize;
        int canvasHeight = rows * tileSize;
        double byWidth = (double) canvasWidth / width;
        double byHeight = (double) canvasHeight / height;
        return byWidth < byHeight
                ? new Resolution(
                        canvasWidth, (int) Math.min(Math.ceil(height * byWidth), canvasHeight))
                : new Resolution(
                        (int) Math.min(Math.ceil(width * byHeight), canvasWidth), canvasHeight);
    }

    /**
     * Where the picture is on the map of all tiles' tokens, by the proportions of the whole picture
     * ({@code unpad_image}). It is reckoned apart from {@link #resized}, which rounds up where this rounds
     * down, and may be empty.
     *
     * @param scale of the tiles
     * @return the kept part; all of it unless the merge takes bars away
     */
    public Kept kept(Scale scale) {
        int mapWidth = columns * scale.side();
        int mapHeight = rows * scale.side();
        if (merge != PatchMerge.SPATIAL_UNPAD || columns == 0) {
            return new Kept(0, mapHeight, 0, mapWidth);
        }
        if ((double) width / height > (double) mapWidth / mapHeight) {
            int bar = (mapHeight - (int) (height * ((double) mapWidth / width))) / 2;
            return new Kept(bar, mapHeight - bar, 0, mapWidth);
        }
        int bar = (mapWidth - (int) (width * ((double) mapHeight / height))) / 2;
        return new Kept(0, mapHeight, bar, mapWidth - bar);
    }

    /**
     * The size to which the map is brought if it has more tokens than {@code anyres_max_N} allows.
     *
     * @param scales of base and tiles
     * @return tokens of a line as width, lines as height; empty if the map stays as it is, as it always
     *     does where tiles have different scales
     */
    Optional<Resolution> shrunk(ImageScales scales) {
        Optional<Scale> scale = scales.ofAllTiles();
        if (mostTiles.isEmpty() || !merge.hasNewlines() || scale.isEmpty()) {
            return Optional.empty();
        }
        Kept kept = kept(scale.get());
        double allowed = (double) mostTiles.getAsInt() * scale.get().tokens();
        double times = Math.sqrt((double) kept.height() * kept.width() / allowed);
        if (!(times > TOLERATED_EXCESS)) {
            return Optional.empty();
        }
        // The reference fails where nothing would be left of a side; here one token is.
        return Optional.of(
                new Resolution(
                        Math.max(1, floorDivided(kept.width(), times)),
                        Math.max(1, floorDivided(kept.height(), times))));
    }

    /** Python's {@code int(side // times)}, which takes the remainder off before it divides. */
    private static int floorDivided(int side, double times) {
        return (int) Math.rint((side - side % times) / times);
    }

    /**
     * @param scale of base and tiles
     * @return positions of the prompt that the picture takes, newlines included
     */
    public int tokenCount(Scale scale) {
        return tokenCount(ImageScales.same(scale, this));
    }

    /**
     * @param scales of base and tiles
     * @return positions of the prompt that the picture takes, newlines included
     * @throws io.m3j.core.M3Exception if they are not those of so many tiles
     */
    public int tokenCount(ImageScales scales) {
        scales.require(this);
        int base = scales.base().tokens();
        Optional<Resolution> shrunk = shrunk(scales);
        if (shrunk.isPresent()) {
            return base + shrunk.get().height() * (shrunk.get().width() + 1);
        }
        int count = base;
        for (int tile = 1; tile < tiles(); tile++) {
            Kept kept = keptIn(tile, scales.of(tile));
            count += kept.height() * kept.width();
        }
        if (merge.hasNewlines()) {
            count += TokenOrder.lines(this, scales).size();
        }
        return count;
    }

    /** What is kept of one tile, counted from its own corner. */
    Kept keptIn(int tile, Scale scale) {
        return kept(scale).in(rowOf(tile), columnOf(tile), scale.side());
    }

    /**
     * @param tile from 1
     * @return which row of tiles it is in, from 0
     */
    public int rowOf(int tile) {
        return (tile - 1) / columns;
    }

    /**
     * @param tile from 1
     * @return which column of tiles it is in, from 0
     */
    public int columnOf(int tile) {
        return (tile - 1) % columns;
    }
}
