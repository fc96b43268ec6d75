package io.m3j.train.recipe;

import io.m3j.core.M3Exception;

/** Ranges of a recipe's numbers, with the message that each refusal has. */
final class Range {

    private Range() {}

    static void atLeast(long least, String key, long value) {
        if (value < least) {
            throw new M3Exception(
                    key + ": expected an integer of " + least + " or more, found " + value);
        }
    }

    static void positive(String key, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new M3Exception(key + ": expected a number above 0, found " + value);
        }
    }

    static void notNegative(String key, double value) {
        if (!(value >= 0) || Double.isInfinite(value)) {
            throw new M3Exception(key + ": expected a number of 0 or more, found " + value);
        }
    }
}
