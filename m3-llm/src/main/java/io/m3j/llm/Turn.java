package io.m3j.llm;

/**
 * One message of a conversation.
 *
 * @param role who speaks
 * @param text what is said, with an {@code <image>} for each image; null for the answer that the
 *     model is to give
 * @param imageFirst on the first turn, puts its image before all text, wherever the marker stands and
 *     even if there is none (LLaVA's tuple messages); elsewhere without effect
 */
public record Turn(Role role, String text, boolean imageFirst) {

    /** Who speaks. */
    public enum Role {
        /** The one who asks. */
        USER,
        /** The model. */
        ASSISTANT
    }

    /**
     * @param text a question, with an {@code <image>} for each image
     * @return the user's turn
     */
    public static Turn user(String text) {
        return new Turn(Role.USER, text, false);
    }

    /**
     * @param text an answer given earlier
     * @return the assistant's turn
     */
    public static Turn assistant(String text) {
        return new Turn(Role.ASSISTANT, text, false);
    }

    /**
     * @return the assistant's turn that the model is to fill
     */
    public static Turn open() {
        return new Turn(Role.ASSISTANT, null, false);
    }

    /** Whether there is anything to write after the role. */
    boolean isEmpty() {
        return text == null || (text.isEmpty() && !imageFirst);
    }
}
