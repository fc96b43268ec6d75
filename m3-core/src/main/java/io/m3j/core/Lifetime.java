package io.m3j.core;

import java.util.function.Supplier;

/**
 * Keeps native memory from being freed under a running call: closing waits for the calls inside and
 * turns away those that come later.
 *
 * <p>A call must not close what it is inside of; it would wait for itself.
 */
public final class Lifetime {

    private final String what;
    private int inside;
    private boolean closed;

    /**
     * @param what the owner's name, for the message, such as {@code "model llava"}
     */
    public Lifetime(String what) {
        this.what = what;
    }

    /**
     * Runs a call inside.
     *
     * @param <T> what the call returns
     * @param call what needs the owner open
     * @return what it returned
     * @throws IllegalStateException if the owner was closed
     */
    public <T> T during(Supplier<T> call) {
        enter();
        try {
            return call.get();
        } finally {
            leave();
        }
    }

    private synchronized void enter() {
        if (closed) {
            throw new IllegalStateException(what + " was closed");
        }
        inside++;
    }

    private synchronized void leave() {
        inside--;
        notifyAll();
    }

    /**
     * Turns later calls away and waits for those inside.
     *
     * @return whether this call closed it, false if it was closed before
     */
    public synchronized boolean close() {
        if (closed) {
            return false;
        }
        closed = true;
        boolean interrupted = false;
        while (inside > 0) {
            try {
                wait();
            } catch (InterruptedException e) {
                // Leaving now would free memory in use; the interrupt is kept for the caller.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return true;
    }
}
