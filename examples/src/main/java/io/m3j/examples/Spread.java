package io.m3j.examples;

import java.time.Duration;
import java.util.List;

/**
 * Several runs of the same, in milliseconds.
 *
 * @param median of an even number, the mean of the middle two
 * @param least of all
 * @param most of all
 * @param runs how many
 */
record Spread(double median, double least, double most, int runs) {

    /** Of one or more. */
    static Spread of(List<Duration> runs) {
        double[] sorted = runs.stream().mapToDouble(Milliseconds::of).sorted().toArray();
        int last = sorted.length - 1;
        double median = (sorted[last / 2] + sorted[sorted.length / 2]) / 2;
        return new Spread(median, sorted[0], sorted[last], sorted.length);
    }
}
