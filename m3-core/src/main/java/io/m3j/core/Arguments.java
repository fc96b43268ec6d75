package io.m3j.core;

import java.util.Objects;

/** What every public call asks of its arguments. */
public final class Arguments {

    private Arguments() {}

    /**
     * @param <T> type of the argument
     * @param value of the argument
     * @param name of the argument, for the message
     * @return the value
     * @throws NullPointerException naming the argument, if there is no value
     */
    public static <T> T required(T value, String name) {
        return Objects.requireNonNull(value, () -> name + ": expected a value, found null");
    }
}
