package io.m3j.train;

import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
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
 * @param ids whose embeddings are taken, in order; the visual tokens of each scale of {@link #scales}
 *     follow them, all pictures at the first scale, then all at the next
 * @param index for each place [B·L] the embedding that stands there
 * @param length places of a row, L
 * @param rows places whose next id is labelled [n]
 * @param targets those ids [n]
 * @param scales that pictures are read at, in the order of their tokens
 * @param positions places that are not padding
 */
record Collation(
        long[] ids,
        long[] index,
        int length,
        long[] rows,
        long[] targets,
        List<Scale> scales,
        long positions) {

    /**
     * @param examples of the batch
     * @param scale of each example's pictures
     * @param longest places that a row may take
     * @param labelsUntil of each example, the id from which on labels do not count
     * @return the layout
     */
    static Collation of(List<Example> examples, List<Scale> scale, int longest, int[] labelsUntil) {
        long[] ids =
                examples.stream()
                        .flatMapToLong(example -> Arrays.stream(example.ids()))
                        .filter(id -> id != M3Tokenizer.IMAGE_ID)
                        .toArray();
        int pictures = examples.stream().mapToInt(example -> example.images().size()).sum();
        Map<Scale, Long> starts = new LinkedHashMap<>();
        long next = ids.length;
        for (Scale one : scale) {
            if (!starts.containsKey(one)) {
                starts.put(one, next);
                next += (long) pictures * one.tokens();
            }
        }
        int length = 1;
        for (int i = 0; i < examples.size(); i++) {
            length = Math.max(length, Math.min(longest, places(examples.get(i), scale.get(i))));
        }
        long[] index = new long[examples.size() * length];
        LongStream.Builder rows = LongStream.builder();
        LongStream.Builder targets = LongStream.builder();
        long text = 0;
        long picture = 0;
        long positions = 0;
        for (int i = 0; i < examples.size(); i++) {
            Example example = examples.get(i);
            int tokens = scale.get(i).tokens();
            int place = 0;
            for (int j = 0; j < example.ids().length; j++) {
                if (example.ids()[j] == M3Tokenizer.IMAGE_ID) {
                    long first = starts.get(scale.get(i)) + picture++ * tokens;
                    for (int k = 0; k < tokens; k++, place++) {
                        if (place < length) {
                            index[i * length + place] = first + k;
                        }
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
                ids,
                index,
                length,
                rows.build().toArray(),
                targets.build().toArray(),
                List.copyOf(starts.keySet()),
                positions);
    }

    /**
     * @param example of a batch
     * @param scale of its pictures
     * @return places that it takes, uncut
     */
    static int places(Example example, Scale scale) {
        int pictures = example.images().size();
        return example.ids().length + pictures * (scale.tokens() - 1);
    }

    /**
     * @param example of a batch
     * @param scale of its pictures
     * @param longest places that a row may take
     * @return how many of its ids stay when it is cut
     */
    static int idsWithin(Example example, Scale scale, int longest) {
        int place = 0;
        for (int j = 0; j < example.ids().length; j++) {
            if (place >= longest) {
                return j;
            }
            place += example.ids()[j] == M3Tokenizer.IMAGE_ID ? scale.tokens() : 1;
        }
        return example.ids().length;
    }
}
