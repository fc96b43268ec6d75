package io.m3j.train;

import io.m3j.train.data.Example;
import java.util.List;

/**
 * Examples that are learnt from together, with their pictures as the tower takes them.
 *
 * @param examples one or more, each with as many pictures as it likes
 * @param pixels of all their pictures in order, each [T, 3, size, size] row by row with as many tiles as
 *     it was cut into ({@link io.m3j.vision.ImageProcessor#tiles})
 */
public record TrainingBatch(List<Example> examples, List<float[]> pixels) {

    /** Checks that there is something, and pixels for every picture. */
    public TrainingBatch {
        examples = List.copyOf(examples);
        pixels = List.copyOf(pixels);
        int pictures = examples.stream().mapToInt(example -> example.images().size()).sum();
        if (examples.isEmpty() || pictures != pixels.size()) {
            throw new IllegalArgumentException(
                    examples.size()
                            + " examples with "
                            + pictures
                            + " pictures, but pixels of "
                            + pixels.size());
        }
    }

    /**
     * @return ids of all examples that are to be learnt
     */
    public int labelled() {
        return examples.stream().mapToInt(Example::labelled).sum();
    }
}
