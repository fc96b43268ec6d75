package io.m3j.train.data;

/** What to do with a {@link BadExample}. There is no third way: none is passed over in silence. */
public enum OnBadExample {
    /** The run stops, and its message is that of the example. */
    STOP,
    /** The example is left out of its batch and handed over to be counted. */
    SKIP
}
