package io.m3j.core;

/**
 * A failure that the caller can cause and can mend: a broken file, an argument out of range, a
 * request that does not fit.
 *
 * <p>The message names the culprit (file, tensor or argument), says what was expected and what was
 * found, and, where it is not plain, what to do.
 */
public class M3Exception extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /**
     * @param message culprit, expectation, finding and remedy
     */
    public M3Exception(String message) {
        super(message);
    }

    /**
     * @param message culprit, expectation, finding and remedy
     * @param cause what a lower layer reported
     */
    public M3Exception(String message, Throwable cause) {
        super(message, cause);
    }
}
