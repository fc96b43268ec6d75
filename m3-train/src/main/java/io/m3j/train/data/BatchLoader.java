package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.function.LongFunction;

/**
 * Loads the batches of coming steps on threads of its own while the trainer computes. Batches come in
 * the order of their steps and examples in that of their batch, whatever thread was first. At most a
 * given number of batches is loading or waiting.
 *
 * <p>What fails, fails at its batch: {@link #next} throws it when all batches before have been taken,
 * and again each time it is asked.
 *
 * <p>{@link #next} and {@link #hasNext} are for one thread; {@link #close} may come from any. Close
 * it: its threads live until then.
 *
 * @param <T> a loaded example, such as its ids with the pixels of its pictures. Holds no native
 *     memory, as nobody closes those that are still waiting at the end
 */
public final class BatchLoader<T> implements Iterator<BatchLoader.Batch<T>>, AutoCloseable {

    /**
     * What a step works on.
     *
     * @param <T> a loaded example
     * @param step its number
     * @param examples in the order of the batch; may be none if all were bad
     * @param skipped those that are not among them, to be counted
     */
    public record Batch<T>(long step, List<T> examples, List<BadExample> skipped) {

        /** Copies the lists. */
        public Batch {
            examples = List.copyOf(examples);
            skipped = List.copyOf(skipped);
        }
    }

    /**
     * How much is loaded ahead, and what becomes of bad examples.
     *
     * @param threads that load, at least 1
     * @param ahead batches that are loading or waiting, at least 1
     * @param onBadExample whether one ends the loading or is left out
     */
    public record Options(int threads, int ahead, OnFault onBadExample) {

        /**
         * Checks the numbers.
         *
         * @throws M3Exception if one is less than 1
         */
        public Options {
            required(onBadExample, "onBadExample");
            if (threads < 1 || ahead < 1) {
                throw new M3Exception(
                        "batch loader: at least 1 thread and 1 batch ahead expected, found "
                                + threads
                                + " and "
                                + ahead);
            }
        }
    }

    private static final AtomicInteger LOADERS = new AtomicInteger();

    /** Those of one step on their way. */
    private record Loading<T>(long step, List<Future<T>> examples) {}

    private final LongFunction<int[]> batches;
    private final IntFunction<T> load;
    private final long end;
    private final Options options;
    private final ExecutorService threads;
    private final Deque<Loading<T>> window = new ArrayDeque<>();
    private long submitted;
    private volatile boolean closed;

    /**
     * Begins to load at once.
     *
     * @param batches the indices of a step's examples, such as {@link ExampleOrder#batch}
     * @param first the step to begin with
     * @param end the step before which it ends
     * @param load loads the example of an index; called by several threads at once. A {@link
     *     BadExample} it throws is treated as the options say, all else surfaces as it is
     * @param options how much ahead
     */
    public BatchLoader(
            LongFunction<int[]> batches,
            long first,
            long end,
            IntFunction<T> load,
            Options options) {
        this.batches = required(batches, "batches");
        this.load = required(load, "load");
        this.options = required(options, "options");
        this.submitted = first;
        this.end = end;
        String name = "batch-loader-" + LOADERS.incrementAndGet();
        AtomicInteger number = new AtomicInteger();
        this.threads =
                Executors.newFixedThreadPool(
                        options.threads(),
                        task -> {
                            Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
                            thread.setDaemon(true);
                            return thread;
                        });
        try {
            fill();
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void fill() {
        while (submitted < end && window.size() < options.ahead()) {
            List<Future<T>> examples = new ArrayList<>();
            for (int index : batches.apply(submitted)) {
                examples.add(submit(index));
            }
            window.add(new Loading<>(submitted, examples));
            submitted++;
        }
    }

    private Future<T> submit(int index) {
        try {
            return threads.submit(() -> load.apply(index));
        } catch (RejectedExecutionException e) {
            throw new IllegalStateException("batch loader: closed", e);
        }
    }

    /**
     * @return whether a step is left
     */
    @Override
    public boolean hasNext() {
        return !window.isEmpty();
    }

    /**
     * Waits for the next batch, and lets the loading of another begin.
     *
     * @return the batch
     * @throws BadExample if one of its examples is bad and the options say to stop
     * @throws NoSuchElementException if no step is left
     * @throws IllegalStateException if this is closed, or the thread interrupted while it waits
     */
    @Override
    public Batch<T> next() {
        requireOpen();
        Loading<T> loading = window.peek();
        if (loading == null) {
            throw new NoSuchElementException("batch loader: the last step was " + (end - 1));
        }
        List<T> examples = new ArrayList<>();
        List<BadExample> skipped = new ArrayList<>();
        for (Future<T> example : loading.examples()) {
            try {
                examples.add(loaded(example));
            } catch (BadExample e) {
                if (options.onBadExample() == OnFault.STOP) {
                    throw e;
                }
                skipped.add(e);
            }
        }
        window.remove();
        fill();
        return new Batch<>(loading.step(), examples, skipped);
    }

    private T loaded(Future<T> example) {
        try {
            return example.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("batch loader: interrupted while waiting", e);
        } catch (CancellationException e) {
            requireOpen();
            throw e;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw (Error) e.getCause();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("batch loader: closed");
        }
    }

    /**
     * Ends the threads and waits for them: each ends with the example that it is loading. A thread
     * that waits in {@link #next} gets an {@link IllegalStateException}.
     */
    @Override
    public void close() {
        closed = true;
        for (Runnable waiting : threads.shutdownNow()) {
            ((Future<?>) waiting).cancel(false);
        }
        boolean interrupted = false;
        while (true) {
            try {
                if (threads.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
