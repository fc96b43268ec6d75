package io.m3j.llm;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What was said so far, whatever the template that writes it down.
 *
 * @param system replaces the system text of the template; empty leaves it
 * @param turns in order; the last is usually {@link Turn#open()}
 */
public record Conversation(Optional<String> system, List<Turn> turns) {

    /** Copies the turns. */
    public Conversation {
        turns = List.copyOf(turns);
    }

    /**
     * @param turns in order
     * @return the conversation, with the template's own system text
     */
    public static Conversation of(Turn... turns) {
        return new Conversation(Optional.empty(), List.of(turns));
    }

    /**
     * @param text a question, with an {@code <image>} for each image
     * @return the conversation of that question and the answer to come
     */
    public static Conversation ask(String text) {
        return of(Turn.user(text), Turn.open());
    }

    /**
     * @param text the system text
     * @return the same conversation with this system text
     */
    public Conversation withSystem(String text) {
        return new Conversation(Optional.of(text), turns);
    }

    /**
     * @param turn the next turn
     * @return this conversation and that turn
     */
    public Conversation with(Turn turn) {
        List<Turn> more = new ArrayList<>(turns);
        more.add(turn);
        return new Conversation(system, more);
    }
}
