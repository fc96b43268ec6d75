package io.m3j.llm.serve;

import io.m3j.core.M3Exception;
import io.m3j.llm.PreparedRequest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * The requests that wait, in the order of arrival, and all whose answers are still open. Everything that
 * threads share is guarded by this object; no code of a caller runs under it.
 */
final class RequestQueue {

    private final BatcherOptions options;
    private final long cacheCapacity;
    private final Deque<Ticket> atTheDoor = new ArrayDeque<>(); // callers that wait for a place
    private final Deque<Ticket> waiting = new ArrayDeque<>();
    private final Set<Ticket> open = new LinkedHashSet<>(); // until their futures are done
    private RuntimeException closed; // why, once nothing is taken in any more
    private int running;
    private long cacheBytes;
    private long prefixBytes;

    RequestQueue(BatcherOptions options, long cacheCapacity) {
        this.options = options;
        this.cacheCapacity = cacheCapacity;
    }

    synchronized void requireOpen() {
        if (closed != null) {
            throw new IllegalStateException(closed.getMessage(), closed);
        }
    }

    /** Takes a ticket in, or refuses it at once: nobody passes those at the door. */
    synchronized void offer(Ticket ticket) {
        requireOpen();
        if (waiting.size() + atTheDoor.size() >= options.queueCapacity()) {
            throw full("submit it later, or wait with submitWaiting");
        }
        enqueue(ticket);
    }

    /** Takes a ticket in when there is a place and nobody came to the door earlier. */
    synchronized void put(Ticket ticket, Duration patience) throws InterruptedException {
        long end =
                System.nanoTime() + TimeUnit.NANOSECONDS.convert(patience); // one too long is cut
        atTheDoor.add(ticket);
        try {
            requireOpen();
            while (waiting.size() >= options.queueCapacity() || atTheDoor.peek() != ticket) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    throw full("it had no place for " + patience + "; submit it later");
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
                requireOpen();
            }
            enqueue(ticket);
        } finally {
            atTheDoor.remove(ticket);
            notifyAll();
        }
    }

    private M3Exception full(String advice) {
        return new M3Exception("queue: full: " + load() + "; " + advice);
    }

    private void enqueue(Ticket ticket) {
        waiting.add(ticket);
        open.add(ticket);
        ticket.listen();
        ticket.future.whenComplete((answer, failure) -> settle(ticket));
        notifyAll();
    }

    /** Whoever completed the future: its place is free, its pictures go. */
    private void settle(Ticket ticket) {
        synchronized (this) {
            waiting.remove(ticket);
            open.remove(ticket);
            notifyAll();
        }
        ticket.free();
    }

    /**
     * Lets in what has room, in the order of arrival, and waits until something runs. One that does not
     * fit yet holds back those behind it, so that it will.
     *
     * @param busy whether something runs already
     * @param join lets one in, if there is room
     * @return false once this was closed
     */
    synchronized boolean admit(boolean busy, Predicate<Ticket> join) throws InterruptedException {
        boolean runs = busy;
        while (closed == null) {
            expire();
            // The first whose pictures are encoded: others are not held up by their encoding.
            Optional<Ticket> next = first(ticket -> ticket.prepared != null);
            while (next.filter(join).isPresent()) {
                waiting.remove(next.get());
                notifyAll();
                runs = true;
                next = first(ticket -> ticket.prepared != null);
            }
            if (runs) {
                return true;
            }
            // Timeouts are looked at once in a while; everything else wakes this.
            wait(options.timeout().map(RequestQueue::lookAgain).orElse(0L));
        }
        return false;
    }

    private Optional<Ticket> first(Predicate<Ticket> which) {
        return waiting.stream().filter(which).findFirst();
    }

    /** A tenth of the timeout is how late it may be noticed; in milliseconds, 0 would be for ever. */
    private static long lookAgain(Duration timeout) {
        return Math.max(1, TimeUnit.MILLISECONDS.convert(timeout.dividedBy(10)));
    }

    private void expire() {
        options.timeout()
                .ifPresent(
                        timeout ->
                                open.stream()
                                        .filter(ticket -> ticket.passed(timeout))
                                        .forEach(ticket -> ticket.fail(timedOut(ticket, timeout))));
    }

    private static M3Exception timedOut(Ticket ticket, Duration timeout) {
        return new M3Exception(
                "request: no answer within "
                        + timeout
                        + ": "
                        + ticket.progress()
                        + "; raise the timeout, ask for fewer tokens or a coarser scale, or ask"
                        + " less at once");
    }

    /**
     * Waits for pictures to encode, near the head of the queue: no further ahead than the batch is wide,
     * since encoded pictures take memory.
     *
     * @return whose pictures are next; empty once this was closed
     */
    synchronized Optional<Ticket> nextPictures() throws InterruptedException {
        while (closed == null) {
            Optional<Ticket> next =
                    waiting.stream()
                            .limit(options.batch().maxRunning())
                            .filter(ticket -> ticket.prepared == null && !ticket.encoding)
                            .findFirst();
            if (next.isPresent()) {
                next.get().encoding = true;
                return next;
            }
            wait();
        }
        return Optional.empty();
    }

    synchronized void ready(Ticket ticket, PreparedRequest prepared) {
        ticket.prepared = prepared;
        notifyAll();
    }

    /** What the batch has taken on, for {@link #load}. */
    synchronized void count(int answers, long bytesOfCaches, long bytesOfPrefixes) {
        running = answers;
        cacheBytes = bytesOfCaches;
        prefixBytes = bytesOfPrefixes;
    }

    synchronized Load load() {
        return new Load(
                waiting.size(),
                options.queueCapacity(),
                running,
                options.batch().maxRunning(),
                cacheBytes,
                cacheCapacity,
                prefixBytes);
    }

    /**
     * Takes in nothing more.
     *
     * @param reason told to those that come later, unless there was one before
     * @return the reason that holds
     */
    synchronized RuntimeException close(RuntimeException reason) {
        if (closed == null) {
            closed = reason;
        }
        notifyAll();
        return closed;
    }

    synchronized List<Ticket> open() {
        return List.copyOf(open);
    }
}
