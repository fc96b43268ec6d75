package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.util.OptionalLong;

/**
 * How much a batch takes on at once. Without any setting: 32 answers, 128 rows of prompts a step, half
 * of the memory that is free when the batch begins for KV caches, and an eighth of that for beginnings
 * of prompts.
 *
 * @param maxRunning answers in the making at once, at least 1
 * @param promptRows rows of prompts that are read in one step beside one row of each running answer, at
 *     least 128 (one block of attention): what a newcomer may delay the others by
 * @param cacheBytes what the KV caches of all running answers may take together. Empty means half of
 *     what the model's device has free when the batch begins; without limit where nobody says what that
 *     is, as on a GPU, whose driver does not see what libtorch keeps: a request that finds no memory
 *     there fails alone
 * @param prefixBytes what beginnings of prompts may take that are kept for prompts that begin alike;
 *     0 keeps none. Empty means an eighth of the caches' limit, or none where they have no limit
 */
public record BatchOptions(
        int maxRunning, int promptRows, OptionalLong cacheBytes, OptionalLong prefixBytes) {

    /** Checks every number. */
    public BatchOptions {
        require("maxRunning", maxRunning, 1);
        require("promptRows", promptRows, Sequence.BLOCK);
        required(cacheBytes, "cacheBytes").ifPresent(bytes -> require("cacheBytes", bytes, 1));
        required(prefixBytes, "prefixBytes").ifPresent(bytes -> require("prefixBytes", bytes, 0));
    }

    private static void require(String name, long found, long least) {
        if (found < least) {
            throw new M3Exception(name + " " + found + ": expected at least " + least);
        }
    }

    /**
     * @return the defaults
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
        private OptionalLong cacheBytes = OptionalLong.empty();
        private OptionalLong prefixBytes = OptionalLong.empty();

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
            cacheBytes = OptionalLong.of(value);
            return this;
        }

        /**
         * @param value bytes of beginnings; 0 for none
         * @return this
         */
        public Builder prefixBytes(long value) {
            prefixBytes = OptionalLong.of(value);
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
