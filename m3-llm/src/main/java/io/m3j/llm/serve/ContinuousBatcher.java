package io.m3j.llm.serve;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.Answer;
import io.m3j.llm.Batch;
import io.m3j.llm.M3Model;
import io.m3j.llm.PreparedRequest;
import io.m3j.llm.Request;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests of many callers with one model: a queue, and one thread that runs the batch. A
 * request joins the running batch between two steps as soon as there is a place and memory for its KV
 * cache, first come first served, and leaves it with its last token.
 *
 * <pre>{@code
 * try (M3Model model = M3Model.load(path);
 *         ContinuousBatcher batcher = new ContinuousBatcher(model, BatcherOptions.defaults())) {
 *     CompletableFuture<Answer> answer = batcher.submit(Request.of(image, "What is it?", options));
 *     System.out.println(answer.join().text());
 * }
 * }</pre>
 *
 * <p>The future is the caller's handle: cancelling it, or completing it in any other way, as {@code
 * orTimeout} does, takes the request out before the next step. It fails with an {@link M3Exception} where
 * the request is at fault or timed out, and with an {@link IllegalStateException} where this or the model
 * was closed.
 *
 * <p>Pictures that are not encoded are encoded by one thread of their own, in order, while others are
 * being answered; each belongs to its request and is freed with it.
 *
 * <p>Owns native memory and threads: the caller closes it, before the model. Safe for use by several
 * threads.
 */
public final class ContinuousBatcher implements AutoCloseable {

    private static final Logger LOGGER = LoggerFactory.getLogger(ContinuousBatcher.class);
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final M3Model model;
    private final BatcherOptions options;
    private final Batch batch; // the worker's, until it has ended
    private final ExecutorService delivery;
    private final Thread worker;
    private final Thread encoder;

    private final Object lock = new Object();
    private final Deque<Ticket> waiting = new ArrayDeque<>(); // in the order of arrival
    private final Set<Ticket> open = new LinkedHashSet<>(); // until their futures are done
    private final Deque<Ticket> atTheDoor = new ArrayDeque<>(); // wait for a place in the queue
    private RuntimeException closed; // why, once nothing is taken in any more
    private int running;
    private long cacheBytes;
    private long prefixBytes;

    /**
     * Starts the threads.
     *
     * @param model that answers; must stay open until this is closed
     * @param options the limits
     */
    public ContinuousBatcher(M3Model model, BatcherOptions options) {
        this.model = required(model, "model");
        this.options = required(options, "options");
        this.batch = model.newBatch(options.batch());
        String name = "m3-batcher-" + COUNT.incrementAndGet();
        this.delivery = Executors.newCachedThreadPool(daemons(name + "-delivery"));
        this.worker = daemons(name).newThread(() -> untilClosed(this::answer));
        this.encoder = daemons(name + "-encoder").newThread(() -> untilClosed(this::encode));
        worker.start();
        encoder.start();
    }

    private static ThreadFactory daemons(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    /**
     * Submits a request whose text nobody watches.
     *
     * @param request of this model
     * @return its answer to come
     * @throws M3Exception at once, if the queue is full or the request can never be answered
     * @throws IllegalStateException if this was closed
     */
    public CompletableFuture<Answer> submit(Request request) {
        return submit(request, Optional.empty());
    }

    /**
     * Submits a request.
     *
     * @param request of this model
     * @param onText told each piece of text as it comes, in order, on another thread; may take its time.
     *     What it throws ends this answer, and no other
     * @return its answer to come, complete when the last piece was told
     * @throws M3Exception at once, if the queue is full or the request can never be answered
     * @throws IllegalStateException if this was closed
     */
    public CompletableFuture<Answer> submit(Request request, Consumer<String> onText) {
        return submit(request, Optional.of(required(onText, "onText")));
    }

    private CompletableFuture<Answer> submit(Request request, Optional<Consumer<String>> onText) {
        Ticket ticket = ticket(request, onText);
        synchronized (lock) {
            if (full() || waiting.size() + atTheDoor.size() >= options.queueCapacity()) {
                throw full("submit it later, or wait with submitWaiting");
            }
            enqueue(ticket);
        }
        return ticket.future;
    }

    /**
     * Submits a request as soon as the queue has a place.
     *
     * @param request of this model
     * @param onText told each piece of text, as by {@link #submit(Request, Consumer)}
     * @param patience how long to wait for a place
     * @return its answer to come
     * @throws M3Exception if there was no place in that time, or the request can never be answered
     * @throws InterruptedException if the calling thread was interrupted while it waited
     * @throws IllegalStateException if this was closed
     */
    public CompletableFuture<Answer> submitWaiting(
            Request request, Consumer<String> onText, Duration patience)
            throws InterruptedException {
        Ticket ticket = ticket(request, Optional.of(required(onText, "onText")));
        long end = System.nanoTime() + required(patience, "patience").toNanos();
        synchronized (lock) {
            atTheDoor.add(ticket);
            try {
                while (full() || atTheDoor.peek() != ticket) {
                    long left = end - System.nanoTime();
                    if (left <= 0) {
                        throw full("it had no place for " + patience + "; submit it later");
                    }
                    TimeUnit.NANOSECONDS.timedWait(lock, left);
                }
                enqueue(ticket);
            } finally {
                atTheDoor.remove(ticket);
                lock.notifyAll();
            }
        }
        return ticket.future;
    }

    /** Checked and put into ids by the caller's thread, so that nothing runs for what is wrong. */
    private Ticket ticket(Request request, Optional<Consumer<String>> onText) {
        Ticket ticket = new Ticket(required(request, "request"), onText, delivery);
        requireOpen();
        if (request.pictures().isEmpty()) {
            ticket.prepared = prepared(request);
        }
        return ticket;
    }

    private PreparedRequest prepared(Request request) {
        PreparedRequest prepared = model.prepare(request);
        options.batch().requireRoom(prepared);
        return prepared;
    }

    private void requireOpen() {
        synchronized (lock) {
            if (closed != null) {
                throw new IllegalStateException(closed.getMessage(), closed);
            }
        }
    }

    private boolean full() {
        requireOpen();
        return waiting.size() >= options.queueCapacity();
    }

    private M3Exception full(String advice) {
        return new M3Exception("queue: full: " + load() + "; " + advice);
    }

    private void enqueue(Ticket ticket) {
        waiting.add(ticket);
        open.add(ticket);
        ticket.listen();
        ticket.future.whenComplete((answer, failure) -> settle(ticket));
        lock.notifyAll();
    }

    /** Whoever completed the future: its place is free, its pictures go. */
    private void settle(Ticket ticket) {
        synchronized (lock) {
            waiting.remove(ticket);
            open.remove(ticket);
            lock.notifyAll();
        }
        ticket.free();
    }

    /**
     * @return how busy this is
     */
    public Load load() {
        synchronized (lock) {
            return new Load(
                    waiting.size(),
                    options.queueCapacity(),
                    running,
                    options.batch().maxRunning(),
                    cacheBytes,
                    options.batch().cacheBytes(),
                    prefixBytes);
        }
    }

    // The two threads

    private interface Loop {
        void run() throws InterruptedException;
    }

    /** What is not meant to happen ends the batcher, and tells every caller why. */
    private void untilClosed(Loop loop) {
        try {
            loop.run();
        } catch (InterruptedException | RuntimeException | Error e) {
            LOGGER.error("{} ends", Thread.currentThread().getName(), e);
            String message = "the batcher has failed: " + e.getMessage();
            refuse(new IllegalStateException(message, e), delivery);
        }
    }

    /** Admits, steps, delivers. */
    private void answer() throws InterruptedException {
        List<Ticket> members = new ArrayList<>();
        try {
            while (admit(members)) {
                for (Ticket ticket : members) {
                    if (ticket.done()) {
                        batch.cancel(ticket.member);
                    }
                }
                members.removeIf(Ticket::done);
                batch.step();
                members.forEach(Ticket::collect);
                members.removeIf(ticket -> ticket.member.ended());
                count();
            }
        } catch (IllegalStateException e) {
            refuse(e, delivery); // the model was closed first
        } finally {
            batch.close();
            count();
        }
    }

    private void count() {
        synchronized (lock) {
            running = batch.size();
            cacheBytes = batch.cacheBytes();
            prefixBytes = batch.prefixBytes();
        }
    }

    /**
     * Waits until there is something to do and lets in what has room, in the order of arrival: one that
     * does not fit yet holds back those behind it, so that it will.
     *
     * @return false once this was closed
     */
    private boolean admit(List<Ticket> members) throws InterruptedException {
        synchronized (lock) {
            while (closed == null) {
                expire();
                Optional<Ticket> next = next();
                while (next.isPresent() && batch.admits(next.get().prepared)) {
                    join(next.get(), members);
                    next = next();
                }
                if (!members.isEmpty()) {
                    return true;
                }
                // Timeouts are looked at once in a while; everything else wakes this.
                lock.wait(options.timeout().map(ContinuousBatcher::patience).orElse(0L));
            }
            return false;
        }
    }

    /** A tenth of the timeout is how late it may be noticed. */
    private static long patience(Duration timeout) {
        return Math.max(1, timeout.dividedBy(10).toMillis());
    }

    /** The first that waits with its pictures encoded. */
    private Optional<Ticket> next() {
        return waiting.stream().filter(ticket -> ticket.prepared != null).findFirst();
    }

    private void join(Ticket ticket, List<Ticket> members) {
        waiting.remove(ticket);
        boolean kept = ticket.request.pictures().isEmpty();
        ticket.begin(batch.join(ticket.prepared, kept));
        members.add(ticket);
        running = batch.size();
        cacheBytes = batch.cacheBytes();
        lock.notifyAll(); // there is a place in the queue
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

    /** Encodes pictures of those that are near the head of the queue, in order. */
    private void encode() throws InterruptedException {
        for (Optional<Ticket> next = nextPictures(); next.isPresent(); next = nextPictures()) {
            Ticket ticket = next.get();
            try {
                List<EncodedImage> images = encoded(ticket.request.pictures());
                ticket.own(images);
                PreparedRequest ready = prepared(ticket.request.with(images));
                synchronized (lock) {
                    ticket.prepared = ready;
                    lock.notifyAll();
                }
            } catch (RuntimeException e) {
                ticket.fail(e);
            }
        }
    }

    private List<EncodedImage> encoded(List<M3Image> pictures) {
        List<EncodedImage> images = new ArrayList<>();
        try {
            for (M3Image picture : pictures) {
                images.add(model.encode(picture));
            }
            return images;
        } catch (RuntimeException e) {
            images.forEach(EncodedImage::close);
            throw e;
        }
    }

    /** No further ahead than the batch is wide: encoded pictures take memory. */
    private Optional<Ticket> nextPictures() throws InterruptedException {
        synchronized (lock) {
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
                lock.wait();
            }
            return Optional.empty();
        }
    }

    // The end

    /** Takes in nothing more, and fails what is open unless its answer is ready. */
    private void refuse(RuntimeException reason, Executor executor) {
        List<Ticket> ending;
        synchronized (lock) {
            if (closed == null) {
                closed = reason;
            }
            lock.notifyAll();
            ending = List.copyOf(open);
        }
        for (Ticket ticket : ending) {
            String message = reason.getMessage() + "; " + ticket.progress();
            executor.execute(() -> ticket.end(new IllegalStateException(message, reason)));
        }
    }

    /**
     * Ends the step that runs, and fails every answer that is not ready. No thread and no native memory
     * stays behind; a consumer that is still at work is interrupted.
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed == null) {
                closed = new IllegalStateException("the batcher was closed");
            }
            lock.notifyAll();
        }
        boolean interrupted = awaitEnd(worker) | awaitEnd(encoder);
        refuse(closed, Runnable::run);
        delivery.shutdownNow();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Leaving earlier would leave memory in use; the interrupt is kept for the caller. */
    private static boolean awaitEnd(Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                return interrupted;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
    }
}
