package io.m3j.train.data;

import io.m3j.core.M3Exception;
import io.m3j.vision.Resolution;
import java.util.List;

/**
 * Examples by number, so that their order is the trainer's and a run that was killed goes on where it
 * was. Safe for use by several threads.
 */
public interface ExampleSource {

    /**
     * @return how many examples there are
     */
    int size();

    /**
     * @param index 0 to size − 1
     * @return the example; the same one each time
     * @throws M3Exception if it cannot be had, such as a missing picture; the message names it
     */
    Example get(int index);

    /**
     * How long an example is, roughly and without reading pictures, for batches of like lengths.
     *
     * @param index 0 to size − 1
     * @return ids, pictures not counted; negative if the example has no picture, as LLaVA's {@code
     *     modality_lengths}
     */
    int length(int index);

    /**
     * How many pictures an example has, without reading them where that is possible.
     *
     * @param index 0 to size − 1
     * @return the number, 0 for a text alone
     * @throws M3Exception if it cannot be told
     */
    default int pictures(int index) {
        return get(index).images().size();
    }

    /**
     * How large the pictures of an example are, from which a model of any resolution knows how long they
     * will be; without decoding them where that is possible.
     *
     * @param index 0 to size − 1
     * @return the size of each in order
     * @throws M3Exception if one cannot be told
     */
    default List<Resolution> pictureSizes(int index) {
        return get(index).images().stream()
                .map(image -> new Resolution(image.width(), image.height()))
                .toList();
    }

    /**
     * @return a digest of what these examples are, for the record of a run
     */
    String fingerprint();
}
