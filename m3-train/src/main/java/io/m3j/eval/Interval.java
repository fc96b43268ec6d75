package io.m3j.eval;

import com.fasterxml.jackson.annotation.JsonFormat;

/**
 * A 95 % interval of a rate, or of a difference of two.
 *
 * @param low its lower end
 * @param high its upper end
 */
@JsonFormat(shape = JsonFormat.Shape.ARRAY)
public record Interval(double low, double high) {

    /** The normal distribution's quantile of 97.5 %. */
    private static final double Z = 1.959963984540054;

    /**
     * Wilson's score interval (Wilson, 1927), which stays within 0 and 1 and is sound for few samples
     * and for rates at either end.
     *
     * @param rate found, 0 to 1
     * @param samples it was found in; none say nothing, 0 to 1
     * @return where the true rate lies
     */
    public static Interval wilson(double rate, int samples) {
        if (samples == 0) {
            return new Interval(0, 1);
        }
        double z2n = Z * Z / samples;
        double middle = (rate + z2n / 2) / (1 + z2n);
        double half = Z * Math.sqrt(rate * (1 - rate) / samples + z2n / (4 * samples)) / (1 + z2n);
        return new Interval(Math.max(0, middle - half), Math.min(1, middle + half));
    }

    /**
     * The interval of a difference of two rates from their Wilson intervals (Newcombe, 1998, method
     * 10). Both are taken for independent; asked the same questions, they are closer than that, so the
     * true interval is narrower.
     *
     * @param rate the one
     * @param ofRate its Wilson interval
     * @param other is subtracted
     * @param ofOther its Wilson interval
     * @return where {@code rate − other} lies
     */
    public static Interval ofDifference(
            double rate, Interval ofRate, double other, Interval ofOther) {
        double difference = rate - other;
        return new Interval(
                difference - Math.hypot(rate - ofRate.low, ofOther.high - other),
                difference + Math.hypot(ofRate.high - rate, other - ofOther.low));
    }
}
