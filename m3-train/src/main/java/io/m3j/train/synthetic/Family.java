package io.m3j.train.synthetic;

import java.util.Locale;

/** What a question is about, from what the whole picture shows to what its finest detail shows. */
public enum Family {
    /** The scenery and the time of day. */
    BACKGROUND,
    /** The kind and the colour of the one big object. */
    OBJECT,
    /** How many things of a kind there are. */
    COUNT,
    /** Where one thing is, in the picture or seen from another. */
    RELATION,
    /** The colour or the form of a small shape. */
    ATTRIBUTE,
    /** A word or a number in small type. */
    READING;

    /**
     * @return the name in files and reports, such as {@code background}
     */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
