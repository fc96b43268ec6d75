package io.m3j.llm.serve;

/**
 * How busy a {@link ContinuousBatcher} is.
 *
 * @param waiting requests in the queue
 * @param queueCapacity requests that it holds
 * @param running answers in the making
 * @param maxRunning answers at once
 * @param cacheBytes what their KV caches take
 * @param cacheCapacity what they may take; the greatest number where they have no limit
 * @param prefixBytes what kept beginnings of prompts take
 */
public record Load(
        int waiting,
        int queueCapacity,
        int running,
        int maxRunning,
        long cacheBytes,
        long cacheCapacity,
        long prefixBytes) {

    /**
     * @return the numbers in words
     */
    @Override
    public String toString() {
        return waiting
                + " of "
                + queueCapacity
                + " requests wait, "
                + running
                + " of "
                + maxRunning
                + " run with "
                + (cacheBytes >> 20)
                + (cacheCapacity == Long.MAX_VALUE ? "" : " of " + (cacheCapacity >> 20))
                + " MiB of KV cache";
    }
}
