package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.ModelInfo;
import io.m3j.vision.Resolution;
import io.m3j.vision.TileLayout;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a picture of some size costs a model, before there is one.
 *
 * @param info of the checkpoint
 * @param size of the picture
 */
record PictureCost(ModelInfo info, Resolution size) {

    private static final Pattern SIZE = Pattern.compile("([1-9]\\d{0,5})[x×]([1-9]\\d{0,5})");

    /** Reads width and height from an argument. */
    static Resolution size(String argument) {
        Matcher sides = SIZE.matcher(argument.strip());
        if (!sides.matches()) {
            throw new M3Exception(
                    "--size "
                            + argument
                            + ": expected width and height in pixels, such as 640x480");
        }
        return new Resolution(Integer.parseInt(sides.group(1)), Integer.parseInt(sides.group(2)));
    }

    private TileLayout layout() {
        return info.layout(size.width(), size.height())
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "--size "
                                                + size
                                                + ": the vision tower was not found, and tiles are of"
                                                + " its size"));
    }

    private List<Scale> scales() {
        return info.scales().stream().map(ModelInfo.ScaleCost::scale).toList();
    }

    ObjectNode json() {
        TileLayout layout = layout();
        ObjectNode object = Json.object();
        object.put("width", size.width()).put("height", size.height());
        object.put("tiles", layout.tiles());
        object.put("columns", layout.columns()).put("rows", layout.rows());
        ObjectNode tokens = object.putObject("tokens");
        scales().forEach(scale -> tokens.put(scale.toString(), layout.tokenCount(scale)));
        return object;
    }

    String text() {
        TileLayout layout = layout();
        String tiles =
                layout.tiles() == 1
                        ? "one tile"
                        : layout.tiles()
                                + " tiles: the whole, and "
                                + layout.columns()
                                + " × "
                                + layout.rows();
        StringBuilder text = new StringBuilder();
        text.append(line("a picture " + size, tiles));
        for (Scale scale : scales()) {
            text.append(line("  at scale " + scale, layout.tokenCount(scale) + " tokens"));
        }
        return text.toString();
    }

    private static String line(String name, String value) {
        return String.format(Locale.ROOT, "%-20s %s%n", name, value);
    }
}
