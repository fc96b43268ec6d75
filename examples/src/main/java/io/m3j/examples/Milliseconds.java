package io.m3j.examples;

import java.time.Duration;

/** Durations as people and reports read them. */
final class Milliseconds {

    private static final double NANOSECONDS = 1e6;

    private Milliseconds() {}

    static double of(Duration duration) {
        return duration.toNanos() / NANOSECONDS;
    }
}
