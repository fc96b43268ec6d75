package io.m3j.llm;

import io.m3j.core.M3Exception;

/**
 * How much a batch takes on at once. Without any setting: 32 answers, 128 rows of prompts a step, half
 * of the memory that is free for KV caches, and an eighth of that for beginnings of prompts.
 *
 * @param maxRunning answers in the making at once, at least 1
 * @param promptRows rows of prompts that are read in one step beside one row of each running answer, at
 *     least 128 (one block of attention): what a newcomer may delay the others by
 * @param cacheBytes what the KV caches of all running answers may take together
 * @param prefixBytes what beginnings of prompts may take that are kept for prompts that begin alike;
 *     0 keeps none
 */
public record BatchOptions(int maxRunning, int promptRows, long cacheBytes, long prefixBytes) {

    /** Checks every number. */
    public BatchOptions {
        require(maxRunning >= 1, "maxRunning", maxRunning, 1);
        require(promptRows >= Sequence.BLOCK, "promptRows", promptRows, Sequence.BLOCK);
        require(cacheBytes >= 1, "cacheBytes", cacheBytes, 1);
        require(prefixBytes >= 0, "prefixBytes", prefixBytes, 0);
    }

    private static void require(boolean holds, String name, long found, long least) {
        if (!holds) {
            throw new M3Exception(name + " " + found + ": expected at least " + least);
        }
    }

    /**
     * @param request to be answered
     * @throws M3Exception if its KV cache alone passes {@link #cacheBytes}, so that it can never join
     */
    public void requireRoom(PreparedRequest request) {
        if (request.cacheBytes() > cacheBytes) {
            throw new M3Exception(
                    "request: its KV cache takes "
                            + mebibytes(request.cacheBytes())
                            + " for "
                            + request.promptTokens()
                            + " positions of prompt and "
                            + request.options().maxNewTokens()
                            + " of answer, but a batch may take "
                            + mebibytes(cacheBytes)
                            + " in all; ask for fewer new tokens or a coarser scale, or raise"
                            + " cacheBytes");
        }
    }

    static String mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1 >> 20) + " MiB";
    }

    /**
     * @return the defaults, from the memory of the machine that is free now; a GPU's is not asked
     */
    public static BatchOptions defaults() {
        return builder().build();
    }

    /**
     * @return a builder with the defaults
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Sets what differs from the defaults. */
    public static final class Builder {

        private int maxRunning = 32;
        private int promptRows = Sequence.BLOCK;
        private long cacheBytes = AvailableMemory.bytes() / 2;
        private long prefixBytes = cacheBytes / 8;

        private Builder() {}

        /**
         * @param value answers at once
         * @return this
         */
        public Builder maxRunning(int value) {
            maxRunning = value;
            return this;
        }

        /**
         * @param value rows of prompts a step
         * @return this
         */
        public Builder promptRows(int value) {
            promptRows = value;
            return this;
        }

        /**
         * @param value bytes of KV caches
         * @return this
         */
        public Builder cacheBytes(long value) {
            cacheBytes = value;
            return this;
        }

        /**
         * @param value bytes of beginnings; 0 for none
         * @return this
         */
        public Builder prefixBytes(long value) {
            prefixBytes = value;
            return this;
        }

        /**
         * @return the options
         * @throws M3Exception if a number is out of range
         */
        public BatchOptions build() {
            return new BatchOptions(maxRunning, promptRows, cacheBytes, prefixBytes);
        }
    }
}
