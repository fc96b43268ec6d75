package io.m3j.train.run;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What is to be closed, the last first. What fails does not keep the rest open: the first failure is
 * thrown when all has been closed, with the others suppressed.
 */
final class Closing implements AutoCloseable {

    private final Deque<Runnable> closers = new ArrayDeque<>();

    void add(Runnable closer) {
        closers.push(closer);
    }

    /** Closes all that was added; nothing the second time. */
    @Override
    public void close() {
        Throwable first = closeAll(null);
        if (first instanceof RuntimeException failure) {
            throw failure;
        }
        if (first instanceof Error failure) {
            throw failure;
        }
    }

    /** Closes all behind a failure, which takes on what fails now. */
    void close(Throwable failure) {
        closeAll(failure);
    }

    private Throwable closeAll(Throwable before) {
        Throwable first = before;
        while (!closers.isEmpty()) {
            try {
                closers.pop().run();
            } catch (RuntimeException | Error e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        return first;
    }
}
