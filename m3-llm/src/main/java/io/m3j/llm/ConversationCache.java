package io.m3j.llm;

/**
 * The KV cache of a conversation, kept from turn to turn, and the ids and pictures that it holds keys
 * and values of.
 *
 * <p>Owns native memory: whoever makes it closes it. For one thread at a time, while the model is open.
 */
final class ConversationCache implements AutoCloseable {

    /** A turn that needs a little more than the last one should find it there. */
    private static final int STEP = 256;

    private final Decoder decoder;
    private Prompt held; // its first cache.length() positions are there
    private KvCache cache;
    private boolean spoilt;

    /**
     * @param decoder whose keys and values are kept
     */
    ConversationCache(Decoder decoder) {
        this.decoder = decoder;
    }

    /**
     * @param prompt to be read
     * @return how many positions of its beginning are there, so that they need not be read; never all
     */
    int known(Prompt prompt) {
        if (held == null || !decoder.readsInPieces(Math.max(cache.length(), prompt.length()))) {
            return 0;
        }
        int shared = Math.min(held.sharedWith(prompt), cache.length());
        return Math.max(0, Math.min(shared, prompt.length() - PrefixCache.LEFT_TO_READ));
    }

    /**
     * @param positions of a prompt and its answer
     * @return how many must be allocated for them, 0 if there is room
     */
    int missing(int positions) {
        if (cache != null && !spoilt && cache.capacity() >= positions) {
            return 0;
        }
        int steps = (positions + STEP - 1) / STEP;
        // The context has room for them; it was checked.
        return Math.max(positions, Math.min(steps * STEP, decoder.config().maximumPositions()));
    }

    /**
     * Forgets what a prompt does not begin with, and makes room. Where there is no memory for it,
     * everything stays as it was.
     *
     * @param prompt to be read from {@link #known} on
     * @param newTokens how long the answer may become
     * @return the cache, with the known beginning in it; this closes it
     */
    KvCache begin(Prompt prompt, int newTokens) {
        int known = known(prompt);
        int missing = missing(prompt.length() + newTokens);
        if (missing > 0) {
            move(decoder.newCache(missing), known);
        } else {
            cache.rollBack(known);
        }
        held = prompt;
        return cache;
    }

    private void move(KvCache larger, int known) {
        try {
            if (known > 0) {
                larger.copyFrom(cache, known);
            }
        } catch (RuntimeException e) {
            larger.close();
            throw e;
        }
        close();
        cache = larger;
        spoilt = false;
    }

    /**
     * @param read the prompt that was begun and the ids of its answer; the last of them may be unread
     */
    void holds(Prompt read) {
        held = read;
    }

    /**
     * To be called when a pass has failed: behind the positions held there may be numbers that are none,
     * which zero times would not be zero. They are left behind with the next turn.
     */
    void spoil() {
        spoilt = true;
    }

    @Override
    public void close() {
        if (cache != null) {
            cache.close();
        }
    }
}
