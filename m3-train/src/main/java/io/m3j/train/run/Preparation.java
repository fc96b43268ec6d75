package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.TrainingBatch;
import io.m3j.train.data.BadExample;
import io.m3j.train.data.BadExample.Reason;
import io.m3j.train.data.BatchLoader;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.data.OnFault;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.M3Image;
import java.util.List;
import java.util.function.LongFunction;

/** From the number of an example to what the step takes of it. */
final class Preparation {

    private static final int BATCHES_AHEAD = 2;

    /**
     * An example that can be learnt from.
     *
     * @param example as its source gave it
     * @param pixels of its pictures in order, all tiles of each
     */
    record Prepared(Example example, List<float[]> pixels) {}

    private final ExampleSource source;
    private final ImageProcessor processor;
    private final Scale finest;
    private final int longest;

    /**
     * @param source of the examples
     * @param processor of their pictures
     * @param finest scale at which they are read
     * @param longest places that an example may take
     */
    Preparation(ExampleSource source, ImageProcessor processor, Scale finest, int longest) {
        this.source = source;
        this.processor = processor;
        this.finest = finest;
        this.longest = longest;
    }

    /**
     * @param index of an example
     * @throws BadExample if it cannot be learnt from; the message names it
     */
    Prepared prepare(int index) {
        Example example = source.get(index);
        requireLabels(example);
        return new Prepared(example, example.images().stream().map(processor::tiles).toList());
    }

    /**
     * How long an example is at the finest scale, for batches of like lengths.
     *
     * @param index of an example
     * @return what its source says, with what its pictures take as far as their sizes are known; negative
     *     if it has none
     */
    int length(int index) {
        int words = source.length(index);
        if (words < 0) {
            return words;
        }
        try {
            return Math.addExact(words, visualTokens(index));
        } catch (M3Exception e) {
            return words; // what is wrong with it is said when its turn comes
        }
    }

    private int visualTokens(int index) {
        if (!processor.cuts()) {
            return Math.multiplyExact(source.pictures(index), finest.tokens());
        }
        return source.pictureSizes(index).stream()
                .mapToInt(size -> processor.layout(size.width(), size.height()).tokenCount(finest))
                .reduce(0, Math::addExact);
    }

    /**
     * @param prepared one or more
     * @return them as one batch
     */
    static TrainingBatch batch(List<Prepared> prepared) {
        return new TrainingBatch(
                prepared.stream().map(Prepared::example).toList(),
                prepared.stream().flatMap(one -> one.pixels().stream()).toList());
    }

    /**
     * Prepares batches ahead.
     *
     * @param preparation of their examples
     * @param indices of a batch by its number
     * @param first number
     * @param end number behind the last
     * @param threads that prepare
     */
    static BatchLoader<Prepared> loader(
            Preparation preparation,
            LongFunction<int[]> indices,
            long first,
            long end,
            int threads) {
        // Whether one that is skipped ends the run is for the faults to say, in its place in the
        // order.
        return new BatchLoader<>(
                indices,
                first,
                end,
                preparation::prepare,
                new BatchLoader.Options(threads, BATCHES_AHEAD * threads, OnFault.SKIP));
    }

    private void requireLabels(Example example) {
        if (example.labelled() == 0) {
            throw new BadExample(
                    Reason.NO_LABELS,
                    example.id()
                            + ": no id is labelled, so there is nothing to learn; do tokenizer and"
                            + " prompt template belong together?");
        }
        int place = 0;
        int picture = 0;
        for (int i = 0; i < example.ids().length && place < longest; i++) {
            if (place > 0 && example.labels()[i] != Example.IGNORED) {
                return;
            }
            boolean slot = example.ids()[i] == M3Tokenizer.IMAGE_ID;
            place += slot ? tokens(example.images().get(picture++)) : 1;
        }
        throw new BadExample(
                Reason.NO_LABELS,
                example.id()
                        + ": no id is labelled within the first "
                        + longest
                        + " places at scale "
                        + finest
                        + ", where its pictures take "
                        + example.images().stream().mapToInt(this::tokens).sum()
                        + "; raise max_length");
    }

    private int tokens(M3Image image) {
        return processor.layout(image.width(), image.height()).tokenCount(finest);
    }
}
