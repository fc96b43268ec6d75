package io.m3j.train.synthetic;

import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.GeneralPath;
import java.awt.geom.Path2D;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.fontbox.ttf.TTFParser;
import org.apache.fontbox.ttf.TrueTypeFont;
import org.apache.pdfbox.io.RandomAccessReadBuffer;

/**
 * A typeface as outlines: letters and digits of the Liberation fonts, read in Java from files on the
 * class path. The fonts and the text rendering of the machine have no part in it.
 */
final class Lettering {

    /** How many typefaces there are. */
    static final int COUNT = 4;

    private static final String LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    private final Map<Character, Glyph> glyphs = new HashMap<>();

    private record Glyph(GeneralPath outline, double advance) {}

    private static final class Loaded {
        static final List<Lettering> ALL = load();

        private static List<Lettering> load() {
            List<Lettering> all = new ArrayList<>();
            for (String name : List.of("Sans-Bold", "Serif-Bold", "Mono-Bold", "Sans-Regular")) {
                all.add(new Lettering("/liberation/Liberation" + name + ".ttf"));
            }
            return all;
        }
    }

    private Lettering(String resource) {
        try (InputStream in = Lettering.class.getResourceAsStream(resource);
                TrueTypeFont font = new TTFParser().parse(new RandomAccessReadBuffer(in))) {
            double capital = font.getPath("H").getBounds2D().getHeight();
            for (char letter : LETTERS.toCharArray()) {
                int glyph = font.getUnicodeCmapLookup().getGlyphId(letter);
                GeneralPath outline = font.getGlyph().getGlyph(glyph).getPath();
                outline.transform(AffineTransform.getScaleInstance(1 / capital, -1 / capital));
                glyphs.put(letter, new Glyph(outline, font.getAdvanceWidth(glyph) / capital));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(resource, e);
        }
    }

    /**
     * @param number 0 to {@link #COUNT} − 1
     */
    static Lettering numbered(int number) {
        return Loaded.ALL.get(number);
    }

    /** Width of a text, in heights of a capital. */
    double width(String text) {
        double width = 0;
        for (char letter : text.toCharArray()) {
            width += glyphs.get(letter).advance();
        }
        return width;
    }

    /**
     * @param text capitals and digits
     * @param x where the text begins, in pixels
     * @param baseline where it stands, in pixels
     * @param height of a capital, in pixels
     * @return its outline
     */
    Shape outline(String text, double x, double baseline, double height) {
        Path2D line = new Path2D.Double();
        AffineTransform place = new AffineTransform(height, 0, 0, height, x, baseline);
        for (char letter : text.toCharArray()) {
            Glyph glyph = glyphs.get(letter);
            line.append(glyph.outline().getPathIterator(place), false);
            place.translate(glyph.advance(), 0);
        }
        return line;
    }
}
