package io.m3j.llm;

import io.m3j.core.M3Exception;
import java.util.function.LongSupplier;

/**
 * What one batch may take beside the weights, from what the caller said and what the device has free.
 *
 * @param plan of the model
 * @param free bytes that the device can give at any time; the greatest number where nobody says
 * @param cacheBytes what the KV caches of all running answers may take together
 * @param prefixBytes what kept beginnings of prompts may take
 */
record BatchMemory(MemoryPlan plan, LongSupplier free, long cacheBytes, long prefixBytes) {

    /** Of the caches' bytes, for beginnings of prompts, unless the caller says otherwise. */
    private static final int SHARE_OF_PREFIXES = 8;

    /**
     * @param plan of the model
     * @param free bytes that the device can give at any time
     * @param options of the caller
     * @return the limits that hold for a batch that begins now
     * @throws M3Exception if one pass over the rows that the options allow finds no memory
     */
    static BatchMemory of(MemoryPlan plan, LongSupplier free, BatchOptions options) {
        long now = free.getAsLong();
        // No prompt is longer than the context.
        long context = plan.work().decoder().maximumPositions();
        long rows = Math.min(options.promptRows(), options.maxRunning() * context);
        long step = step(plan, rows, options.maxRunning());
        if (step > now) {
            throw new M3Exception(
                    noRoom(rows, options.maxRunning(), step, now)
                            + ". Free some, or choose fewer promptRows or maxRunning");
        }
        boolean told = now < Long.MAX_VALUE;
        long caches = options.cacheBytes().orElse(told ? Math.min(now / 2, now - step) : now);
        boolean bounded = told || options.cacheBytes().isPresent();
        long prefixes = options.prefixBytes().orElse(bounded ? caches / SHARE_OF_PREFIXES : 0);
        return new BatchMemory(plan, free, caches, prefixes);
    }

    private static long step(MemoryPlan plan, long promptRows, long answers) {
        return plan.work().prefill(promptRows + answers) + plan.work().logits(answers);
    }

    private static String noRoom(long promptRows, long answers, long needed, long free) {
        return "memory: one pass over "
                + promptRows
                + " rows of prompts and "
                + answers
                + " of answers takes "
                + mebibytes(needed)
                + "; "
                + mebibytes(free)
                + " are free";
    }

    /**
     * To be called before a pass: what was free when the batch began may be gone, and some prompts
     * cannot be cut.
     *
     * @param promptRows rows of prompts in one pass
     * @param answers running answers in it
     * @throws M3Exception if there is no memory for it
     */
    void requireRoomForPass(int promptRows, int answers) {
        long needed = step(plan, promptRows, answers);
        long now = free.getAsLong();
        if (needed > now) {
            throw new M3Exception(
                    noRoom(promptRows, answers, needed, now)
                            + ". Ask for a coarser scale, or less at once");
        }
    }

    /**
     * @param request to be answered
     * @throws M3Exception if its KV cache alone passes {@link #cacheBytes}, so that it can never join
     */
    void requireRoom(PreparedRequest request) {
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

    /**
     * @param bytes of memory
     * @return such as {@code 3 MiB}, rounded up
     */
    static String mebibytes(long bytes) {
        return (bytes >> 20) + ((bytes & (1 << 20) - 1) == 0 ? 0 : 1) + " MiB";
    }
}
