package io.m3j.llm.generate;

import io.m3j.core.Lifetime;
import io.m3j.llm.tokenizer.StreamingDecoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;

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
    private final Optional<StreamingDecoder> decoder;
    private final GenerationOptions options;
    private final Set<Long> endOfSequence;
    private final Sampler sampler;
    private final StopRules stopRules;
    private final Lifetime lifetime = new Lifetime("the answer");
    private final List<Long> ids = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private String pending = "";
    private FinishReason finishReason;
    private RuntimeException failure;
    private Duration prefill = Duration.ZERO;
    private Duration decode = Duration.ZERO;
    private volatile boolean cancelled;

    /**
     * @param source the prompt and the model; closed with this
     * @param decoder ids to text; empty if only ids are wanted
     * @param options how to pick and when to stop
     * @param stopStrings those of the prompt template; the options' own are added
     * @param endOfSequence ids that end the answer, unless the options ignore them
     * @param promptIds ids of the prompt's text, for the repetition penalty
     */
    public Generation(
            LogitSource source,
            Optional<StreamingDecoder> decoder,
            GenerationOptions options,
            List<String> stopStrings,
            Set<Long> endOfSequence,
            long[] promptIds) {
        this.source = source;
        this.decoder = decoder;
        this.options = options;
        this.endOfSequence = options.ignoreEndOfSequence() ? Set.of() : endOfSequence;
        this.sampler = new Sampler(options);
        for (long id : promptIds) {
            sampler.occurred(Math.toIntExact(id));
        }
        List<String> stops = new ArrayList<>(stopStrings);
        stops.addAll(options.stopStrings());
        this.stopRules = new StopRules(stops);
    }

    /**
     * Computes until there is text to show or the answer has ended.
     *
     * @throws IllegalStateException if more would have to be computed but this or the model was
     *     closed, or an earlier call failed
     */
    @Override
    public boolean hasNext() {
        while (pending.isEmpty() && finishReason == null) {
            if (failure != null) {
                throw new IllegalStateException("the answer failed before", failure);
            }
            lifetime.during(this::advance);
        }
        return !pending.isEmpty();
    }

    /**
     * @return the next piece of text, never empty
     */
    @Override
    public String next() {
        if (!hasNext()) {
            throw new NoSuchElementException("the answer has ended: " + finishReason);
        }
        String piece = pending;
        pending = "";
        return piece;
    }

    /** One more token. What fails has left the cache in between: there is no going on. */
    private FinishReason advance() {
        try {
            pick();
            return finishReason;
        } catch (RuntimeException e) {
            failure = e;
            throw e;
        }
    }

    private void pick() {
        if (cancelled || Thread.currentThread().isInterrupted()) {
            finish(FinishReason.CANCELLED);
            return;
        }
        long start = System.nanoTime();
        float[] logits = ids.isEmpty() ? source.prefill() : source.step(ids.get(ids.size() - 1));
        int id = sampler.next(logits);
        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        if (ids.isEmpty()) {
            prefill = taken;
        } else {
            decode = decode.plus(taken);
        }
        ids.add((long) id);
        if (endOfSequence.contains((long) id)) {
            finish(FinishReason.END_OF_SEQUENCE);
            return;
        }
        decoder.ifPresent(d -> show(stopRules.accept(d.accept(id))));
        if (stopRules.stopped()) {
            finish(FinishReason.STOP_STRING);
        } else if (ids.size() == options.maxNewTokens()) {
            finish(FinishReason.LENGTH);
        }
    }

    private void finish(FinishReason reason) {
        finishReason = reason;
        decoder.ifPresent(d -> show(stopRules.accept(d.flush())));
        show(stopRules.finish());
    }

    private void show(String piece) {
        pending += piece;
        text.append(piece);
    }

    /** Ends the answer before its next token. Safe from any thread. */
    public void cancel() {
        cancelled = true;
    }

    /**
     * @return why the answer ended; empty while it goes on
     */
    public Optional<FinishReason> finishReason() {
        return Optional.ofNullable(finishReason);
    }

    /**
     * @return the ids so far
     */
    public List<Long> ids() {
        return List.copyOf(ids);
    }

    /**
     * @return the text so far, pieces not yet taken included
     */
    public String text() {
        return text.toString();
    }

    /**
     * @param encode what the images of the prompt took to encode
     * @return where the time went so far
     */
    public Timings timings(Duration encode) {
        return new Timings(encode, prefill, decode, Math.max(0, ids.size() - 1));
    }

    /** Frees the cache, once the step that runs is done. The ids and the text stay. */
    @Override
    public void close() {
        if (lifetime.close()) {
            source.close();
        }
    }
}
