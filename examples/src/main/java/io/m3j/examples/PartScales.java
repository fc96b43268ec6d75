package io.m3j.examples;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A scale for each part of a picture: {@code base:36,tiles:144}, and {@code tile3:576} for one tile
 * alone, counted row by row from 1.
 *
 * @param base of the whole picture
 * @param tiles of every tile that is not named
 * @param single of those that are
 */
record PartScales(Scale base, Scale tiles, SortedMap<Integer, Scale> single)
        implements ScalePolicy {

    private static final Pattern PART =
            Pattern.compile("(base|tiles|tile([1-9]\\d{0,3})):(\\d{1,6})");

    private static final String EXPECTED =
            "expected parts such as base:36,tiles:144 or base:36,tiles:9,tile2:576";

    static boolean is(String argument) {
        return argument.indexOf(':') >= 0;
    }

    static PartScales of(String argument) {
        Scale base = null;
        Scale tiles = null;
        SortedMap<Integer, Scale> single = new TreeMap<>();
        for (String element : argument.split(",", -1)) {
            Matcher part = PART.matcher(element.strip());
            if (!part.matches()) {
                throw new M3Exception(
                        "--tokens: " + EXPECTED + ", found '" + element.strip() + "'");
            }
            Scale scale = Scale.of(Integer.parseInt(part.group(3)));
            if (part.group(2) != null) {
                single.put(Integer.valueOf(part.group(2)), scale);
            } else if (part.group(1).equals("base")) {
                base = scale;
            } else {
                tiles = scale;
            }
        }
        if (base == null || tiles == null) {
            throw new M3Exception(
                    "--tokens " + argument + ": " + EXPECTED + "; base and tiles are both needed");
        }
        return new PartScales(base, tiles, single);
    }

    /** Refuses scales that a model does not have, before any picture is encoded. */
    PartScales require(Ladder ladder) {
        ladder.require(base);
        ladder.require(tiles);
        single.values().forEach(ladder::require);
        return this;
    }

    @Override
    public ImageScales choose(EncodedImage image) {
        ImageScales scales = ImageScales.of(base, tiles, image.layout());
        for (Map.Entry<Integer, Scale> one : single.entrySet()) {
            scales = scales.with(one.getKey(), one.getValue());
        }
        return scales;
    }

    /** As it was written. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("base:" + base + ",tiles:" + tiles);
        single.forEach(
                (tile, scale) -> text.append(",tile").append(tile).append(':').append(scale));
        return text.toString();
    }
}
