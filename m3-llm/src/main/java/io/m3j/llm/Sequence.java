package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.torch.Kernels;

/**
 * One prompt on its way through the decoder: its embeddings until they are read, and its cache.
 * Nothing is allocated before the first row is asked for.
 *
 * <p>Owns native memory: whoever makes it closes it. For one thread at a time, while the model is
 * open.
 */
final class Sequence implements AutoCloseable {

    /**
     * Rows that attention takes at once (the kernel {@code attend}). Cut between such blocks, a
     * prompt's numbers are those of the uncut one to the last bit.
     */
    static final int BLOCK = 128;

    private final Kernels kernels;
    private final Decoder decoder;
    private final Fusion fusion;
    private final PrefixCache prefixes;
    private final Prompt prompt;
    private final int capacity;
    private final boolean keptImages;
    private KvCache cache;
    private NDManager promptScope;
    private NDArray embeddings; // [L - start, D] while the prompt is being read
    private int start; // position of the first of them
    private boolean ownsCache = true;

    /**
     * @param kernels to make managers with
     * @param decoder that reads
     * @param fusion makes the prompt's embeddings
     * @param prefixes beginnings that were read before
     * @param prompt to be read
     * @param newTokens how long the answer may become
     * @param keptImages whether the prompt's pictures may be asked again
     */
    Sequence(
            Kernels kernels,
            Decoder decoder,
            Fusion fusion,
            PrefixCache prefixes,
            Prompt prompt,
            int newTokens,
            boolean keptImages) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.fusion = fusion;
        this.prefixes = prefixes;
        this.prompt = prompt;
        this.capacity = prompt.length() + newTokens;
        this.keptImages = keptImages;
    }

    /**
     * Goes on in a cache that is kept.
     *
     * @param held has room for prompt and answer and holds the beginning of the prompt that need not be
     *     read; not closed with this
     */
    void in(KvCache held) {
        cache = held;
        ownsCache = false;
    }

    /**
     * @return whether rows of the prompt are still to be read
     */
    boolean inPrompt() {
        return cache == null || cache.length() < prompt.length();
    }

    /**
     * Makes the embeddings, and takes over what is known of the prompt's beginning; as long as no row
     * was read it may be called again.
     */
    void prepare() {
        if (cache == null) {
            cache = decoder.newCache(capacity);
        }
        if (cache.length() == 0) {
            prefixes.reuse(prompt, cache);
        }
        if (embeddings == null) {
            promptScope = kernels.newManager();
            Prompt.Rest unread = prompt.from(cache.length());
            start = unread.start();
            embeddings = fusion.fuse(promptScope, unread.prompt());
        }
    }

    /**
     * How many rows of the prompt to read next, after {@link #prepare}: up to the end, or up to a
     * limit of {@link #BLOCK}. A single row never stays behind.
     *
     * @param most as many as are wanted
     * @param first whether there must be some all the same
     * @return rows, 0 if there would be too many
     */
    int chunk(int most, boolean first) {
        int next = cache.length();
        int left = prompt.length() - next;
        if (left <= most) {
            return left;
        }
        if (!decoder.readsInPieces(prompt.length())) {
            return first ? left : 0;
        }
        int end = (next + Math.max(most, first ? BLOCK : 0)) / BLOCK * BLOCK;
        if (end <= next) {
            return 0;
        }
        return end >= prompt.length() - 1 ? left : end - next;
    }

    /**
     * @param owner owns the result
     * @param count from {@link #chunk}
     * @return the embeddings of the next rows [count, D]
     */
    NDArray promptRows(NDManager owner, int count) {
        return kernels.rows(
                owner,
                embeddings,
                new long[] {cache.length() - start},
                new long[] {count}); // a view
    }

    /**
     * @param owner owns the result
     * @return the embeddings of all rows of the prompt that are not known [rows, D]
     */
    NDArray prompt(NDManager owner) {
        prepare();
        return promptRows(owner, prompt.length() - cache.length());
    }

    /** To be called when rows were read: what the prompt alone needed goes with its last row. */
    void rowsRead() {
        if (embeddings != null && !inPrompt()) {
            promptScope.close();
            embeddings = null;
            prefixes.keep(prompt, cache, keptImages);
        }
    }

    /**
     * @return the positions read
     */
    KvCache cache() {
        return cache;
    }

    @Override
    public void close() {
        if (promptScope != null) {
            promptScope.close();
        }
        if (cache != null && ownsCache) {
            cache.close();
        }
    }
}
