package io.m3j.llm.tokenizer;

import io.m3j.core.M3Exception;

/** What a tokenizer can do, whatever file it came from. */
public interface TextCodec extends AutoCloseable {

    /** Stands for a special token that the tokenizer does not have. */
    long NO_ID = -1;

    /**
     * @param text any text; a lone surrogate counts as U+FFFD
     * @return ids with the BOS and EOS that the configuration asks for, as transformers' {@code
     *     input_ids}
     */
    long[] encode(String text);

    /**
     * @param text any text; a lone surrogate counts as U+FFFD
     * @return ids without BOS and EOS; special tokens spelled out in the text still become their ids
     */
    long[] encodeWithoutSpecials(String text);

    /**
     * @param ids ids of this vocabulary
     * @param skipSpecialTokens whether BOS, EOS and the like are left out
     * @return the text
     * @throws io.m3j.core.M3Exception if the vocabulary lacks one of the ids
     */
    String decode(long[] ids, boolean skipSpecialTokens);

    /**
     * @return a decoder for one new sequence
     */
    StreamingDecoder streamingDecoder();

    /**
     * @return how many tokens there are, added ones included
     */
    int vocabularySize();

    /**
     * @param id any number
     * @return whether there is a token of that id; a vocabulary may have gaps
     */
    boolean contains(long id);

    /**
     * @param id to be decoded
     * @throws M3Exception if there is no token of that id
     */
    default void require(long id) {
        if (!contains(id)) {
            throw new M3Exception(
                    "id "
                            + id
                            + " is not in the vocabulary of "
                            + vocabularySize()
                            + " tokens; image slots (-200) and ids of padded embedding rows have"
                            + " no text");
        }
    }

    /**
     * @return the special tokens of the configuration
     */
    SpecialIds specialIds();

    /** Releases native memory, where there is any. */
    @Override
    void close();

    /**
     * The four special tokens that a model asks for by name; {@link #NO_ID} where there is none.
     *
     * @param bos begins a sequence
     * @param eos ends a sequence
     * @param unk stands for what cannot be spelled
     * @param pad fills a batch
     */
    record SpecialIds(long bos, long eos, long unk, long pad) {}
}
