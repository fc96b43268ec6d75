package io.m3j.llm.generate;

import io.m3j.core.Lifetime;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * An answer in the making: a stream of pieces of text, each computed when it is asked for. No piece
 * splits a UTF-8 character or shows part of a stop string.
 *
 * <p>Holds a KV cache: the caller closes it. {@link #cancel} and {@link #close} may come from any
 * thread; everything else from one at a time. Interrupting the thread that asks for a piece ends the
 * answer as {@link FinishReason#CANCELLED}, and leaves the interrupt set.
 */
public final class Generation implements Iterator<String>, AutoCloseable {

    private final LogitSource source;
    private final Transcript transcript;
    private final Lifetime lifetime = new Lifetime("the answer");
    private RuntimeException failure;
    private Duration prefill = Duration.ZERO;
    private Duration decode = Duration.ZERO;
    private volatile boolean cancelled;

    /**
     * @param source the prompt and the model; closed with this
     * @param transcript of the answer, still empty
     */
    public Generation(LogitSource source, Transcript transcript) {
        this.source = source;
        this.transcript = transcript;
    }

    /**
     * Computes until there is text to show or the answer has ended.
     *
     * @throws IllegalStateException if more would have to be computed but this or the model was
     *     closed, or an earlier call failed
     */
    @Override
    public boolean hasNext() {
        while (!transcript.hasText() && finishReason().isEmpty()) {
            if (failure != null) {
                throw new IllegalStateException("the answer failed before", failure);
            }
            lifetime.during(this::advance);
        }
        return transcript.hasText();
    }

    /**
     * @return the next piece of text, never empty
     */
    @Override
    public String next() {
        if (!hasNext()) {
            throw new NoSuchElementException("the answer has ended: " + transcript.finishReason());
        }
        return transcript.take();
    }

    /** One more token. What fails has left the cache in between: there is no going on. */
    private Optional<FinishReason> advance() {
        try {
            pick();
            if (finishReason().isPresent()) {
                source.close(); // the cache goes back at once, not when the caller gets to it
            }
            return finishReason();
        } catch (RuntimeException e) {
            failure = e;
            throw e;
        }
    }

    private void pick() {
        if (cancelled || Thread.currentThread().isInterrupted()) {
            transcript.finish(FinishReason.CANCELLED);
            return;
        }
        boolean first = transcript.size() == 0;
        long start = System.nanoTime();
        transcript.accept(first ? source.prefill() : source.step(transcript.last()));
        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        if (first) {
            prefill = taken;
        } else {
            decode = decode.plus(taken);
        }
    }

    /** Ends the answer before its next token. Safe from any thread. */
    public void cancel() {
        cancelled = true;
    }

    /**
     * @return why the answer ended; empty while it goes on
     */
    public Optional<FinishReason> finishReason() {
        return transcript.finishReason();
    }

    /**
     * @return the ids so far
     */
    public List<Long> ids() {
        return transcript.ids();
    }

    /**
     * @return the text so far, pieces not yet taken included
     */
    public String text() {
        return transcript.text();
    }

    /**
     * @return the answer so far; not to be changed, and read by no other thread than the one that asks
     *     for pieces
     */
    public Transcript transcript() {
        return transcript;
    }

    /**
     * @param encode what the images of the prompt took to encode
     * @return where the time went so far
     */
    public Timings timings(Duration encode) {
        return new Timings(encode, prefill, decode, Math.max(0, transcript.size() - 1));
    }

    /**
     * Frees the cache, unless the end of the answer has, once the step that runs is done. The ids and
     * the text stay.
     */
    @Override
    public void close() {
        if (lifetime.close()) {
            source.close();
        }
    }
}
