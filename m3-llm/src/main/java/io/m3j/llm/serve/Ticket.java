package io.m3j.llm.serve;

import io.m3j.llm.Answer;
import io.m3j.llm.Batch;
import io.m3j.llm.PreparedRequest;
import io.m3j.llm.Request;
import io.m3j.vision.EncodedImage;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.SubmissionPublisher;
import java.util.function.Consumer;

/**
 * One request from submission to answer. Its future is the word of whether it still goes on: whoever
 * completes it, the caller by cancelling included, ends it.
 */
final class Ticket {

    final Request request;
    final CompletableFuture<Answer> future = new CompletableFuture<>();
    private final long submitted = System.nanoTime();
    private final Executor delivery;
    private final Optional<Consumer<String>> onText;
    private Optional<SubmissionPublisher<String>> pieces = Optional.empty();
    private CompletableFuture<Void> delivered = CompletableFuture.completedFuture(null);
    private List<EncodedImage> own = List.of(); // encoded for this request alone
    private boolean freed;

    // Guarded by the queue.
    PreparedRequest prepared; // once its pictures are encoded
    boolean encoding;

    // Of the batcher's worker.
    Batch.Member member;
    private volatile long begun;
    private volatile int tokens;
    private volatile Answer answer;
    private volatile boolean failed;

    Ticket(Request request, Optional<Consumer<String>> onText, Executor delivery) {
        this.request = request;
        this.onText = onText;
        this.delivery = delivery;
    }

    /**
     * Once the request is taken in: pieces of text are told, in order, by a thread of the delivery; what
     * the consumer throws ends the answer.
     */
    void listen() {
        onText.ifPresent(this::tell);
    }

    private void tell(Consumer<String> consumer) {
        // Room for every piece: neither does a slow consumer hold up the batch nor is a piece lost.
        int room = request.options().maxNewTokens() + 2;
        SubmissionPublisher<String> publisher = new SubmissionPublisher<>(delivery, room);
        delivered = publisher.consume(consumer);
        delivered.whenComplete(
                (nothing, failure) -> {
                    if (failure != null) {
                        future.completeExceptionally(failure);
                    }
                });
        pieces = Optional.of(publisher);
    }

    /** The pictures that were encoded for this request; they are closed with it. */
    synchronized void own(List<EncodedImage> images) {
        if (freed) {
            images.forEach(EncodedImage::close);
        } else {
            own = images;
        }
    }

    void begin(Batch.Member begunMember) {
        member = begunMember;
        begun = System.nanoTime();
    }

    /** Takes over what the last step has brought. */
    void collect() {
        tokens = member.tokens();
        String piece = member.take();
        if (!piece.isEmpty()) {
            pieces.ifPresent(publisher -> offer(publisher, piece));
        }
        if (tokens > 0) {
            closeImages(); // the prompt was read
        }
        if (!member.ended()) {
            return;
        }
        if (member.failure().isPresent()) {
            fail(member.failure().get());
            return;
        }
        answer = member.answer();
        pieces.ifPresent(SubmissionPublisher::close);
        // Behind the last piece, and not on the worker: what hangs on the future may take its time.
        delivered.thenRunAsync(() -> future.complete(answer), delivery);
    }

    private static void offer(SubmissionPublisher<String> publisher, String piece) {
        try {
            publisher.offer(piece, null);
        } catch (IllegalStateException e) {
            // Its caller ended the answer while the step ran, so that it is closed: nobody listens.
        }
    }

    /** Not on the calling thread: what hangs on the future may take its time. */
    void fail(RuntimeException reason) {
        if (failed) {
            return;
        }
        failed = true;
        delivery.execute(() -> future.completeExceptionally(reason));
    }

    /** The end of the batcher: an answer that is ready is given, whatever its consumer has seen. */
    void end(RuntimeException reason) {
        if (answer != null) {
            future.complete(answer);
        } else {
            future.completeExceptionally(reason);
        }
    }

    boolean done() {
        return future.isDone();
    }

    boolean passed(Duration timeout) {
        return Duration.ofNanos(System.nanoTime() - submitted).compareTo(timeout) > 0;
    }

    /** How far it came, in words. */
    String progress() {
        long now = System.nanoTime();
        if (begun == 0) {
            return "it waited " + milliseconds(now - submitted) + " ms in the queue";
        }
        return "it waited "
                + milliseconds(begun - submitted)
                + " ms in the queue, ran "
                + milliseconds(now - begun)
                + " ms and has "
                + tokens
                + " of "
                + request.options().maxNewTokens()
                + " tokens";
    }

    private static long milliseconds(long nanoseconds) {
        return Duration.ofNanos(nanoseconds).toMillis();
    }

    /** Frees what is its own, once the future is done. */
    void free() {
        pieces.ifPresent(SubmissionPublisher::close);
        closeImages();
    }

    private void closeImages() {
        List<EncodedImage> closing;
        synchronized (this) {
            freed = true;
            closing = own;
            own = List.of();
        }
        closing.forEach(EncodedImage::close);
    }
}
