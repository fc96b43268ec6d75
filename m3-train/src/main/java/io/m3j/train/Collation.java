package io.m3j.train;

import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.vision.ImageScales;
import io.m3j.vision.Resolution;
import io.m3j.vision.TileLayout;
import io.m3j.vision.TokenOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * A batch laid out for the decoder, each example with its pictures at one scale: which embedding stands
 * at which place, and which places tell labelled ids. Rows are padded behind their end, and cut at the
 * longest length allowed after the pictures are in, as the authors do (llava_arch.py).
 *
 * <p>One table holds all that may stand somewhere: the embeddings of {@link #ids}; for each of {@link
 * #scales} the tokens of all tiles of all pictures; the newline, if {@link #newline}; and each of {@link
 * #resized}. A picture's tokens stand in the order in which the model reads them when it is asked ({@link
 * TokenOrder}), so that a place is one row of the table, whatever it is.
 *
 * @param ids whose embeddings are taken, in order
 * @param index for each place [B·L] the row of the table that stands there
 * @param length places of a row, L
 * @param rows places whose next id is labelled [n]
 * @param targets those ids [n]
 * @param scales that pictures are read at, in the order of their tokens
 * @param newline whether a line of tiles ends anywhere
 * @param resized maps of single pictures that are brought to another size
 * @param positions places that are not padding
 */
record Collation(
        long[] ids,
        long[] index,
        int length,
        long[] rows,
        long[] targets,
        List<Scale> scales,
        boolean newline,
        List<Resized> resized,
        long positions) {

    /**
     * A map of tiles in another size.
     *
     * @param scale whose tokens it is made of
     * @param rows of the tokens of all tiles at that scale
     * @param from lines as height, tokens of a line as width
     * @param to the same behind it
     */
    record Resized(Scale scale, long[] rows, Resolution from, Resolution to) {}

    /**
     * @param batch the examples
     * @param scale of each example's pictures
     * @param longest places that a row may take
     * @param labelsUntil of each example, the id from which on labels do not count
     * @return the layout
     */
    static Collation of(CutBatch batch, List<Scale> scale, int longest, int[] labelsUntil) {
        List<Example> examples = batch.examples();
        int length = 1;
        for (int i = 0; i < examples.size(); i++) {
            length = Math.max(length, Math.min(longest, batch.places(i, scale.get(i))));
        }
        Table table = new Table(batch, scale);
        long[] index = new long[examples.size() * length];
        LongStream.Builder rows = LongStream.builder();
        LongStream.Builder targets = LongStream.builder();
        long text = 0;
        long positions = 0;
        for (int i = 0; i < examples.size(); i++) {
            Example example = examples.get(i);
            int place = 0;
            int picture = 0;
            for (int j = 0; j < example.ids().length; j++) {
                if (example.ids()[j] == M3Tokenizer.IMAGE_ID) {
                    TileLayout layout = batch.layouts().get(i).get(picture++);
                    for (long row : table.rows(layout, scale.get(i))) {
                        if (place < length) {
                            index[i * length + place] = row;
                        }
                        place++;
                    }
                    continue;
                }
                if (place < length) {
                    index[i * length + place] = text;
                    // The first id follows nothing that could tell it.
                    boolean counts = place > 0 && j < labelsUntil[i];
                    if (counts && example.labels()[j] != Example.IGNORED) {
                        rows.add((long) i * length + place - 1);
                        targets.add(example.labels()[j]);
                    }
                }
                text++;
                place++;
            }
            positions += Math.min(place, length);
        }
        return new Collation(
                table.ids,
                index,
                length,
                rows.build().toArray(),
                targets.build().toArray(),
                List.copyOf(table.starts.keySet()),
                table.newlines > 0,
                List.copyOf(table.resized),
                positions);
    }

    /** Where in the table things stand; pictures are asked for in order, each once. */
    private static final class Table {

        private final long[] ids;
        private final Map<Scale, Long> starts = new LinkedHashMap<>();
        private final List<Resized> resized = new ArrayList<>();
        private final long newline;
        private long end;
        private long newlines;
        private int tile;

        Table(CutBatch batch, List<Scale> scale) {
            ids =
                    batch.examples().stream()
                            .flatMapToLong(example -> Arrays.stream(example.ids()))
                            .filter(id -> id != M3Tokenizer.IMAGE_ID)
                            .toArray();
            long next = ids.length;
            for (Scale one : scale) {
                if (!starts.containsKey(one)) {
                    starts.put(one, next);
                    next += (long) batch.tiles() * one.tokens();
                }
            }
            newline = next;
            end = next + 1;
        }

        /** The rows of the next picture, in the order of its tokens. */
        long[] rows(TileLayout layout, Scale scale) {
            TokenOrder order = TokenOrder.of(layout, ImageScales.same(scale, layout));
            long first = (long) tile * scale.tokens();
            long own = (long) layout.tiles() * scale.tokens();
            long[] rows = order.rows();
            for (int k = 0; k < rows.length; k++) {
                if (rows[k] < own) {
                    rows[k] += starts.get(scale) + first;
                } else if (rows[k] == own) {
                    rows[k] = newline;
                    newlines++;
                } else {
                    rows[k] += end - own - 1;
                }
            }
            order.resized()
                    .ifPresent(
                            map -> {
                                long[] of = Arrays.stream(map.rows()).map(r -> r + first).toArray();
                                resized.add(new Resized(scale, of, map.from(), map.to()));
                                end += (long) map.to().width() * map.to().height();
                            });
            tile += layout.tiles();
            return rows;
        }
    }
}
