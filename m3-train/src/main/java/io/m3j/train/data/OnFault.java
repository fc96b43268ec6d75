package io.m3j.train.data;

/**
 * What a fault does: an example that cannot be used, a loss that is no number. There is no third way:
 * none is passed over in silence.
 */
public enum OnFault {
    /** Ends the run with a message that names it. */
    STOP,
    /** Goes on without it, and hands it over to be counted. */
    SKIP
}
