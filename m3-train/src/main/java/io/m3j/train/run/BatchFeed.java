package io.m3j.train.run;

import io.m3j.train.run.Preparation.Prepared;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongFunction;

/** Batches in order, prepared ahead by threads of its own. For one reader. */
final class BatchFeed implements AutoCloseable {

    private static final int BATCHES_AHEAD = 2;

    private final Preparation preparation;
    private final LongFunction<int[]> examples;
    private final long end;
    private final int ahead;
    private final ExecutorService loaders;
    private final Deque<Future<Prepared>> coming = new ArrayDeque<>();
    private long next;

    /**
     * @param preparation makes them
     * @param examples of a batch by its number
     * @param first number
     * @param end number behind the last
     * @param threads that prepare
     */
    BatchFeed(
            Preparation preparation,
            LongFunction<int[]> examples,
            long first,
            long end,
            int threads) {
        this.preparation = preparation;
        this.examples = examples;
        this.next = first;
        this.end = end;
        this.ahead = BATCHES_AHEAD * threads;
        this.loaders =
                Executors.newFixedThreadPool(
                        threads,
                        task -> {
                            Thread thread = new Thread(task, "m3-loader");
                            thread.setDaemon(true);
                            return thread;
                        });
    }

    boolean hasNext() {
        return next < end || !coming.isEmpty();
    }

    Prepared next() {
        while (next < end && coming.size() < ahead) {
            int[] indices = examples.apply(next++);
            coming.add(loaders.submit(() -> preparation.prepare(indices)));
        }
        try {
            return coming.remove().get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for a batch", e);
        }
    }

    @Override
    public void close() {
        loaders.shutdownNow();
    }
}
