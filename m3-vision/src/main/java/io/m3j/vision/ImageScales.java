package io.m3j.vision;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * At which scale each part of one picture is looked at.
 *
 * @param base of the whole picture, resized to one tile
 * @param tiles of each tile, row by row; none of a picture that is not cut
 */
public record ImageScales(Scale base, List<Scale> tiles) {

    /** Copies the list. */
    public ImageScales {
        required(base, "base");
        tiles = List.copyOf(required(tiles, "tiles"));
    }

    /**
     * @param scale of all
     * @param layout of the picture
     * @return the same scale for base and tiles
     */
    public static ImageScales same(Scale scale, TileLayout layout) {
        return of(scale, scale, layout);
    }

    /**
     * @param base of the whole picture, resized to one tile
     * @param tiles of every tile
     * @param layout of the picture
     * @return one scale for the base, one for all tiles
     */
    public static ImageScales of(Scale base, Scale tiles, TileLayout layout) {
        required(tiles, "tiles");
        return new ImageScales(base, Collections.nCopies(layout.tiles() - 1, tiles));
    }

    /**
     * @param tile 0 for the base, from 1 for the tiles
     * @return its scale
     */
    public Scale of(int tile) {
        return tile == 0 ? base : tiles.get(tile - 1);
    }

    /**
     * @param tile 0 for the base, from 1 for the tiles
     * @param scale another one for it
     * @return these scales with that one changed
     * @throws M3Exception if there is no such tile
     */
    public ImageScales with(int tile, Scale scale) {
        if (tile < 0 || tile > tiles.size()) {
            throw new M3Exception(
                    "tile "
                            + tile
                            + ": expected 0 for the base or 1 to "
                            + tiles.size()
                            + ", as many as the picture has");
        }
        if (tile == 0) {
            return new ImageScales(scale, tiles);
        }
        List<Scale> changed = new ArrayList<>(tiles);
        changed.set(tile - 1, scale);
        return new ImageScales(base, changed);
    }

    /**
     * @return the one scale that all tiles have, if they have one; the base does not count
     */
    public Optional<Scale> ofAllTiles() {
        return tiles.stream().distinct().count() == 1
                ? Optional.of(tiles.get(0))
                : Optional.empty();
    }

    /**
     * @param layout of the picture that these are for
     * @return these scales
     * @throws M3Exception if the picture has another number of tiles
     */
    public ImageScales require(TileLayout layout) {
        if (tiles.size() != layout.tiles() - 1) {
            throw new M3Exception(
                    "scales "
                            + this
                            + ": expected one for each of the picture's "
                            + (layout.tiles() - 1)
                            + " tiles beside the base, found "
                            + tiles.size());
        }
        return this;
    }

    /**
     * @param ladder of the model
     * @return these scales
     * @throws M3Exception if the ladder lacks one of them
     */
    public ImageScales require(Ladder ladder) {
        ladder.require(base);
        tiles.forEach(ladder::require);
        return this;
    }

    /** One number if all are the same; else by part. */
    @Override
    public String toString() {
        if (tiles.stream().allMatch(base::equals)) {
            return base.toString();
        }
        return "base "
                + base
                + ", tiles "
                + ofAllTiles().map(Scale::toString).orElseGet(this::each);
    }

    private String each() {
        return String.join(" ", tiles.stream().map(Scale::toString).toList());
    }
}
