package io.m3j.llm.generate;

/** Why an answer ended. */
public enum FinishReason {
    /** The model gave an end-of-sequence id. */
    END_OF_SEQUENCE,
    /** A stop string came. */
    STOP_STRING,
    /** As many tokens as were allowed. */
    LENGTH,
    /** The caller cancelled, or its thread was interrupted. */
    CANCELLED
}
