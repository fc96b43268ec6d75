package io.m3j.llm.tokenizer;

/**
 * Turns ids into text while they are still being generated, special tokens left out.
 *
 * <p>All pieces that {@link #accept} and the last {@link #flush} return, put together, are the text
 * that decoding all the ids at once would give. A character whose bytes come as several ids is held
 * back until it is whole or certainly broken. One decoder serves one sequence and one thread.
 */
public interface StreamingDecoder {

    /**
     * @param id the next id; one that the vocabulary does not have, as a padded embedding table may
     *     give, has no text
     * @return the text that this id made certain, possibly empty
     */
    String accept(long id);

    /**
     * Ends the sequence; what was held back comes out as it stands.
     *
     * @return the rest of the text, possibly empty
     */
    String flush();
}
