package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;

/**
 * An example that cannot be trained on, while those beside it can. Whether that ends the run or is
 * counted is said by {@link OnFault}.
 */
public final class BadExample extends M3Exception {

    private static final long serialVersionUID = 1L;

    /** What is wrong with it. */
    public enum Reason {
        /** Its JSON is broken or lacks what a conversation needs. */
        BROKEN_LINE,
        /** Its turns are not such as the template can write: their order, or a missing picture. */
        WRONG_TURNS,
        /** It has more or fewer pictures than places for them. */
        IMAGE_COUNT,
        /** A picture's file is not there. */
        MISSING_IMAGE,
        /** A picture's file cannot be read as one. */
        BROKEN_IMAGE,
        /** Where its answers stand among the ids is not certain, so that all labels are masked. */
        MISMATCH,
        /** It has no answer to learn. */
        NO_LABELS
    }

    private final Reason reason;

    /**
     * @param reason what is wrong
     * @param message which file, line and example; what was expected, what was found
     */
    public BadExample(Reason reason, String message) {
        this(reason, message, null);
    }

    /**
     * @param reason what is wrong
     * @param message which file, line and example; what was expected, what was found
     * @param cause what a lower layer reported; may be null
     */
    public BadExample(Reason reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = required(reason, "reason");
    }

    /**
     * @return what is wrong
     */
    public Reason reason() {
        return reason;
    }
}
