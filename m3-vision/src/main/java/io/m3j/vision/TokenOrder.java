package io.m3j.vision;

import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * In which order the tokens of a picture's tiles stand in the prompt, as rows of a table: the tokens of
 * all tiles at the first scale [T · s, D], those at the second, and so on, then the newline, and last the
 * map of the tiles in another size where it was brought to one.
 *
 * <p>Tiles of one scale make a map whose lines run through all tiles side by side. Where scales differ,
 * a line begins wherever a row of any tile of the band does, and holds those rows that begin there, from
 * left to right: a coarse tile speaks once where a fine one beside it speaks four times. With one scale
 * for all this is the reference's order.
 *
 * @param scales of the table's parts
 * @param rows of the table
 * @param resized the map at the end of the table; empty if there is none
 */
public record TokenOrder(List<Scale> scales, long[] rows, Optional<Resized> resized) {

    /**
     * A map that is brought to another size, bilinearly ({@code anyres_max_N}).
     *
     * @param rows of the table that make it, line after line
     * @param from lines as height, tokens of a line as width
     * @param to the same behind it
     */
    public record Resized(long[] rows, Resolution from, Resolution to) {}

    /** A row of one tile's tokens, as it stands in a line. */
    private record Piece(int tile, int row, int left, int right) {}

    /**
     * @param layout of the picture
     * @param scales of base and tiles
     * @return base first, then tiles, with whatever newlines the layout has
     */
    public static TokenOrder of(TileLayout layout, ImageScales scales) {
        Builder order = new Builder(layout, scales);
        order.whole(0);
        Optional<Resolution> shrunk = layout.shrunk(scales);
        if (shrunk.isPresent()) {
            order.map(shrunk.get());
            return order.built(Optional.of(resized(layout, scales, shrunk.get())));
        }
        if (layout.merge() == PatchMerge.FLAT) {
            IntStream.range(1, layout.tiles()).forEach(order::whole);
        } else {
            for (List<Piece> line : lines(layout, scales)) {
                order.line(line);
                if (layout.merge().hasNewlines()) {
                    order.newline();
                }
            }
        }
        return order.built(Optional.empty());
    }

    /** The map alone, line after line: neither base nor newlines. */
    private static Resized resized(TileLayout layout, ImageScales scales, Resolution to) {
        Builder order = new Builder(layout, scales);
        lines(layout, scales).forEach(order::line);
        TileLayout.Kept kept = layout.kept(scales.ofAllTiles().orElseThrow());
        return new Resized(
                order.built(Optional.empty()).rows(),
                new Resolution(kept.width(), kept.height()),
                to);
    }

    /** The lines of the map from the top, some of them maybe without a token; none if it is not cut. */
    static List<List<Piece>> lines(TileLayout layout, ImageScales scales) {
        List<List<Piece>> lines = new ArrayList<>();
        for (int band = 0; band < layout.rows(); band++) {
            int first = 1 + band * layout.columns();
            int finest =
                    IntStream.range(first, first + layout.columns())
                            .map(tile -> scales.of(tile).side())
                            .max()
                            .orElseThrow();
            // By where they begin, in rows of the finest tile; each side divides the next.
            SortedMap<Integer, List<Piece>> byStart = new TreeMap<>();
            for (int tile = first; tile < first + layout.columns(); tile++) {
                TileLayout.Kept kept = layout.keptIn(tile, scales.of(tile));
                int height = finest / scales.of(tile).side();
                for (int row = kept.top(); row < kept.bottom(); row++) {
                    byStart.computeIfAbsent(row * height, start -> new ArrayList<>())
                            .add(new Piece(tile, row, kept.left(), kept.right()));
                }
            }
            lines.addAll(byStart.values());
        }
        return lines;
    }

    private static final class Builder {

        private final ImageScales scales;
        private final List<Scale> tables;
        private final long[] starts;
        private final long newline;
        private long[] rows = new long[64];
        private int count;

        Builder(TileLayout layout, ImageScales scales) {
            this.scales = scales;
            this.tables =
                    IntStream.range(0, layout.tiles()).mapToObj(scales::of).distinct().toList();
            this.starts = new long[tables.size()];
            long start = 0;
            for (int i = 0; i < starts.length; i++) {
                starts[i] = start;
                start += (long) layout.tiles() * tables.get(i).tokens();
            }
            this.newline = start;
        }

        void whole(int tile) {
            int side = scales.of(tile).side();
            for (int row = 0; row < side; row++) {
                piece(new Piece(tile, row, 0, side));
            }
        }

        void line(List<Piece> pieces) {
            pieces.forEach(this::piece);
        }

        private void piece(Piece piece) {
            Scale scale = scales.of(piece.tile());
            long start =
                    starts[tables.indexOf(scale)]
                            + (long) piece.tile() * scale.tokens()
                            + (long) piece.row() * scale.side();
            for (int column = piece.left(); column < piece.right(); column++) {
                add(start + column);
            }
        }

        void newline() {
            add(newline);
        }

        /** The map in another size, which stands behind the newline in the table. */
        void map(Resolution size) {
            for (int line = 0; line < size.height(); line++) {
                for (int i = 0; i < size.width(); i++) {
                    add(newline + 1 + (long) line * size.width() + i);
                }
                newline();
            }
        }

        private void add(long row) {
            if (count == rows.length) {
                rows = Arrays.copyOf(rows, 2 * count);
            }
            rows[count++] = row;
        }

        TokenOrder built(Optional<Resized> resized) {
            return new TokenOrder(tables, Arrays.copyOf(rows, count), resized);
        }
    }
}
