package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.TrainingBatch;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.M3Image;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** From numbers of examples to a batch; what cannot be used is named, and left out. */
final class Preparation {

    /**
     * Examples that were asked for.
     *
     * @param batch of those that can be used; empty if none can
     * @param faults what is wrong with the others
     */
    record Prepared(Optional<TrainingBatch> batch, List<String> faults) {}

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

    Prepared prepare(int[] indices) {
        List<Example> examples = new ArrayList<>();
        List<float[]> pixels = new ArrayList<>();
        List<String> faults = new ArrayList<>();
        for (int index : indices) {
            try {
                Example example = source.get(index);
                requireLabels(example);
                List<float[]> own = new ArrayList<>();
                for (M3Image image : example.images()) {
                    own.add(processor.pixels(image));
                }
                examples.add(example);
                pixels.addAll(own);
            } catch (M3Exception e) {
                faults.add("example " + index + ": " + e.getMessage());
            }
        }
        return new Prepared(
                examples.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new TrainingBatch(examples, pixels)),
                faults);
    }

    private void requireLabels(Example example) {
        if (example.labelled() == 0) {
            throw new M3Exception(
                    example.id()
                            + ": no id is labelled, so there is nothing to learn; do tokenizer and"
                            + " prompt template belong together?");
        }
        int place = 0;
        for (int i = 0; i < example.ids().length && place < longest; i++) {
            if (place > 0 && example.labels()[i] != Example.IGNORED) {
                return;
            }
            place += example.ids()[i] == M3Tokenizer.IMAGE_ID ? finest.tokens() : 1;
        }
        throw new M3Exception(
                example.id()
                        + ": no id is labelled within the first "
                        + longest
                        + " places at "
                        + finest
                        + " tokens a picture; raise max_length");
    }
}
