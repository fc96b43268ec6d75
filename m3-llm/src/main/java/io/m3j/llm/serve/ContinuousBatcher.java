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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
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
    private final RequestQueue queue;
    private final Batch batch; // its members are the worker's, until it has ended
    private final ExecutorService delivery;
    private final Thread worker;
    private final Thread encoder;

    /**
     * Starts the threads.
     *
     * @param model that answers; must stay open until this is closed
     * @param options the limits
     * @throws M3Exception if the memory that is free has no room for such a batch
     */
    public ContinuousBatcher(M3Model model, BatcherOptions options) {
        this.model = required(model, "model");
        this.batch = model.newBatch(required(options, "options").batch());
        this.queue = new RequestQueue(options, batch.cacheLimit());
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
        queue.offer(ticket);
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
        queue.put(ticket, required(patience, "patience"));
        return ticket.future;
    }

    /** Checked and put into ids by the caller's thread, so that nothing runs for what is wrong. */
    private Ticket ticket(Request request, Optional<Consumer<String>> onText) {
        Ticket ticket = new Ticket(required(request, "request"), onText, delivery);
        queue.requireOpen();
        if (request.pictures().isEmpty()) {
            ticket.prepared = prepared(request);
        }
        return ticket;
    }

    private PreparedRequest prepared(Request request) {
        PreparedRequest prepared = model.prepare(request);
        batch.requireRoom(prepared);
        return prepared;
    }

    /**
     * @return how busy this is
     */
    public Load load() {
        return queue.load();
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
            while (queue.admit(!members.isEmpty(), ticket -> join(ticket, members))) {
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

    private boolean join(Ticket ticket, List<Ticket> members) {
        if (!batch.admits(ticket.prepared)) {
            return false;
        }
        boolean keptImages = ticket.request.pictures().isEmpty();
        ticket.begin(batch.join(ticket.prepared, keptImages));
        members.add(ticket);
        count();
        return true;
    }

    private void count() {
        queue.count(batch.size(), batch.cacheBytes(), batch.prefixBytes());
    }

    /** Encodes pictures of those that are near the head of the queue, in order. */
    private void encode() throws InterruptedException {
        Optional<Ticket> next;
        while ((next = queue.nextPictures()).isPresent()) {
            Ticket ticket = next.get();
            try {
                List<EncodedImage> images = encoded(ticket.request.pictures());
                ticket.own(images);
                queue.ready(ticket, prepared(ticket.request.with(images)));
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

    // The end

    /** Takes in nothing more, and fails what is open unless its answer is ready. */
    private void refuse(RuntimeException reason, Executor executor) {
        RuntimeException first = queue.close(reason);
        for (Ticket ticket : queue.open()) {
            String message = first.getMessage() + "; " + ticket.progress();
            executor.execute(() -> ticket.end(new IllegalStateException(message, first)));
        }
    }

    /**
     * Ends the step that runs, and fails every answer that is not ready. No thread and no native memory
     * stays behind; a consumer that is still at work is interrupted.
     */
    @Override
    public void close() {
        RuntimeException reason = queue.close(new IllegalStateException("the batcher was closed"));
        boolean interrupted = awaitEnd(worker) | awaitEnd(encoder);
        refuse(reason, Runnable::run);
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
