package io.m3j.llm.generate;

/**
 * What a generation draws from: a prompt that is read once, then one id after another. Owns native
 * memory; for one thread at a time.
 */
public interface LogitSource extends AutoCloseable {

    /**
     * Reads the prompt; to be called once, first.
     *
     * @return logits of the first new position, one for each id of the vocabulary
     */
    float[] prefill();

    /**
     * Reads one more id.
     *
     * @param id the last one picked
     * @return logits of the position behind it
     */
    float[] step(long id);

    /** Frees the cache; may be called again. */
    @Override
    void close();
}
