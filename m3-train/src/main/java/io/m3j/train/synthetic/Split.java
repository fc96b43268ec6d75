package io.m3j.train.synthetic;

import io.m3j.core.M3Exception;
import java.util.Locale;

/** Which seeds are for what. No seed belongs to two, and so no scene does. */
public enum Split {
    /** Seeds to learn from: 0 to 999,999. */
    TRAIN(0, 999_999),
    /** Seeds to tune by: 1,000,000 to 1,999,999. */
    VALIDATION(1_000_000, 1_999_999),
    /** Seeds to report: 2,000,000 to 2,999,999. */
    TEST(2_000_000, 2_999_999);

    private final long first;
    private final long last;

    Split(long first, long last) {
        this.first = first;
        this.last = last;
    }

    /**
     * @return its least seed
     */
    public long first() {
        return first;
    }

    /**
     * @return its greatest seed
     */
    public long last() {
        return last;
    }

    /**
     * @param number 0 to last − first
     * @return the seed of that number
     * @throws M3Exception if there are not so many
     */
    public long seed(long number) {
        if (number < 0 || number > last - first) {
            throw new M3Exception(
                    label()
                            + " seeds: number 0 to "
                            + (last - first)
                            + " expected, found "
                            + number);
        }
        return first + number;
    }

    /**
     * @param seed any
     * @return whose seed it is
     * @throws M3Exception if nobody's
     */
    public static Split of(long seed) {
        for (Split split : values()) {
            if (seed >= split.first && seed <= split.last) {
                return split;
            }
        }
        throw new M3Exception("seed of scenes: 0 to " + TEST.last + " expected, found " + seed);
    }

    /**
     * @return the name in files and reports, such as {@code train}
     */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
