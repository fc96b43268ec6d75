package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/**
 * Which numbers of what goes into an adapter are dropped: a function of the key and of their places,
 * computed where it is used ({@code drop} of {@code training.torchscript}).
 *
 * @param key of the mask; near ones give masks that have nothing in common
 * @param probability that a number is dropped, between 0 and 1; the nearest 65536th that is
 */
public record DropoutMask(long key, double probability) {

    private static final int ALL = 1 << 16;

    /** Checks the probability. */
    public DropoutMask {
        if (!(probability > 0 && probability < 1)) {
            throw new IllegalArgumentException(
                    "probability between 0 and 1 expected, found " + probability);
        }
    }

    /**
     * @param owner owns the result
     * @return the last of the six arrays of a linear layer; stays open until the kernel has run
     */
    public NDArray array(NDManager owner) {
        return owner.create(new long[] {key, kept()});
    }

    /**
     * @return how many of 65536 numbers are kept; neither none nor all
     */
    int kept() {
        return Math.max(1, Math.min(ALL - 1, (int) Math.round((1 - probability) * ALL)));
    }
}
