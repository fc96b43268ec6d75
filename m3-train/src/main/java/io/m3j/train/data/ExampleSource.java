package io.m3j.train.data;

import io.m3j.core.M3Exception;

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
     * @return a digest of what these examples are, for the record of a run
     */
    String fingerprint();
}
