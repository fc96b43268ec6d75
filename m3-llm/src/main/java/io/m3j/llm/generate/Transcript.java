package io.m3j.llm.generate;

import io.m3j.llm.tokenizer.StreamingDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What was answered so far: picks an id from each position's logits, turns the ids into text, and
 * knows when to end. No piece splits a UTF-8 character or shows part of a stop string.
 *
 * <p>Holds the state of one answer; for one thread at a time.
 */
public final class Transcript {

    private final Optional<StreamingDecoder> decoder;
    private final int maxNewTokens;
    private final Set<Long> endOfSequence;
    private final Sampler sampler;
    private final StopRules stopRules;
    private final List<Long> ids = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private String pending = "";
    private FinishReason finishReason;

    /**
     * @param decoder ids to text; empty if only ids are wanted
     * @param options how to pick and when to stop
     * @param stopStrings those of the prompt template; the options' own are added
     * @param endOfSequence ids that end the answer, unless the options ignore them
     * @param promptIds ids of the prompt's text, for the repetition penalty
     */
    public Transcript(
            Optional<StreamingDecoder> decoder,
            GenerationOptions options,
            List<String> stopStrings,
            Set<Long> endOfSequence,
            long[] promptIds) {
        this.decoder = decoder;
        this.maxNewTokens = options.maxNewTokens();
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
     * Picks the next id.
     *
     * @param logits of the next position
     * @throws io.m3j.core.M3Exception if a logit is not a number
     */
    public void accept(float[] logits) {
        int id = sampler.next(logits);
        ids.add((long) id);
        if (endOfSequence.contains((long) id)) {
            finish(FinishReason.END_OF_SEQUENCE);
            return;
        }
        decoder.ifPresent(d -> show(stopRules.accept(d.accept(id))));
        if (stopRules.stopped()) {
            finish(FinishReason.STOP_STRING);
        } else if (ids.size() == maxNewTokens) {
            finish(FinishReason.LENGTH);
        }
    }

    /**
     * Ends the answer; text that was held back comes out as it stands.
     *
     * @param reason why
     */
    public void finish(FinishReason reason) {
        finishReason = reason;
        decoder.ifPresent(d -> show(stopRules.accept(d.flush())));
        show(stopRules.finish());
    }

    private void show(String piece) {
        pending += piece;
        text.append(piece);
    }

    /**
     * @return the text that came since the last call, possibly empty
     */
    public String take() {
        String piece = pending;
        pending = "";
        return piece;
    }

    /**
     * @return whether {@link #take} would give text
     */
    boolean hasText() {
        return !pending.isEmpty();
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
     * @return how many ids there are so far
     */
    public int size() {
        return ids.size();
    }

    /**
     * @return the id picked last
     * @throws IndexOutOfBoundsException if there is none yet
     */
    public long last() {
        return ids.get(ids.size() - 1);
    }

    /**
     * @return the text so far, pieces not yet taken included
     */
    public String text() {
        return text.toString();
    }
}
