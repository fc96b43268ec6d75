package io.m3j.llm.serve;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.BatchOptions;
import java.time.Duration;
import java.util.Optional;

/**
 * How a {@link ContinuousBatcher} takes requests.
 *
 * @param batch what runs at once
 * @param queueCapacity requests that may wait, at least 1; more are refused
 * @param timeout from submission to the end of an answer; empty means as long as it takes
 */
public record BatcherOptions(BatchOptions batch, int queueCapacity, Optional<Duration> timeout) {

    /** Requests that may wait unless the caller says otherwise. */
    public static final int DEFAULT_QUEUE_CAPACITY = 64;

    /** Checks the numbers. */
    public BatcherOptions {
        required(batch, "batch");
        required(timeout, "timeout");
        if (queueCapacity < 1) {
            throw new M3Exception("queueCapacity " + queueCapacity + ": expected at least 1");
        }
        timeout.filter(t -> t.isNegative() || t.isZero())
                .ifPresent(
                        t -> {
                            throw new M3Exception("timeout " + t + ": expected more than none");
                        });
    }

    /**
     * @return a queue of {@value #DEFAULT_QUEUE_CAPACITY}, no timeout, and a batch as {@link
     *     BatchOptions#defaults} says
     */
    public static BatcherOptions defaults() {
        return of(BatchOptions.defaults());
    }

    /**
     * @param batch what runs at once
     * @return the defaults otherwise
     */
    public static BatcherOptions of(BatchOptions batch) {
        return new BatcherOptions(batch, DEFAULT_QUEUE_CAPACITY, Optional.empty());
    }

    /**
     * @param value requests that may wait
     * @return these options with it
     */
    public BatcherOptions withQueueCapacity(int value) {
        return new BatcherOptions(batch, value, timeout);
    }

    /**
     * @param value from submission to the end of an answer
     * @return these options with it
     */
    public BatcherOptions withTimeout(Duration value) {
        return new BatcherOptions(batch, queueCapacity, Optional.of(required(value, "timeout")));
    }
}
