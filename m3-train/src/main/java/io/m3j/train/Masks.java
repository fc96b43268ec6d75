package io.m3j.train;

import io.m3j.core.torch.DropoutMask;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * The dropout of all adapters. There is no generator whose state would have to be kept: a mask is a
 * function of the batch's seed, of what is read, of the adapter's name and of the number's place. So each
 * adapter has masks of its own in each reading, and meets the same one where activations are computed
 * again on the way back, or steps in a run that goes on.
 *
 * @param seed of the masks; empty if nothing is dropped
 */
record Masks(Optional<Long> seed) {

    /** Nothing is dropped. */
    static final Masks NONE = new Masks(Optional.empty());

    /**
     * @param seed of a batch
     * @return its masks
     */
    static Masks of(long seed) {
        return new Masks(Optional.of(seed));
    }

    /**
     * @param what is read with them: tiles, or the batch at a scale
     * @return those of this reading
     */
    Masks reading(String what) {
        return new Masks(seed.map(own -> mixed(own, what)));
    }

    /**
     * @param layer our name of a linear layer
     * @param probability that a number of what goes into its adapter is dropped; 0 if it has none
     * @return which are; empty if none
     */
    Optional<DropoutMask> mask(String layer, double probability) {
        return seed.filter(own -> probability > 0)
                .map(own -> new DropoutMask(mixed(own, layer), probability));
    }

    private static long mixed(long seed, String name) {
        return new SplittableRandom(seed ^ name.hashCode()).nextLong();
    }
}
