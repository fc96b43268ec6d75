package io.m3j.train.synthetic;

import java.util.List;

/**
 * The random numbers of one scene: SplitMix64 (Steele, Lea and Flood 2014), written out so that no
 * release of Java can change a scene.
 */
final class SceneRandom {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private long state;

    private SceneRandom(long state) {
        this.state = state;
    }

    /** The numbers of scene {@code index} of {@code seed}. */
    static SceneRandom of(long seed, int index) {
        return new SceneRandom(mix(mix(seed + GOLDEN_GAMMA) + GOLDEN_GAMMA * (index + 1L)));
    }

    private static long mix(long z) {
        long once = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        long twice = (once ^ (once >>> 27)) * 0x94D049BB133111EBL;
        return twice ^ (twice >>> 31);
    }

    long next() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    /** Numbers of their own, which leave these undisturbed however many are drawn. */
    SceneRandom split() {
        return new SceneRandom(next());
    }

    /** 0 to bound − 1. */
    int below(int bound) {
        return (int) (((next() >>> 32) * bound) >>> 32);
    }

    /** Both ends included. */
    int between(int least, int most) {
        return least + below(most - least + 1);
    }

    double between(double least, double most) {
        return least + (most - least) * (next() >>> 11) * 0x1.0p-53;
    }

    boolean coin() {
        return next() < 0;
    }

    <T> T of(List<T> values) {
        return values.get(below(values.size()));
    }

    <T> void shuffle(List<T> values) {
        for (int i = values.size() - 1; i > 0; i--) {
            int j = below(i + 1);
            T swapped = values.get(i);
            values.set(i, values.get(j));
            values.set(j, swapped);
        }
    }
}
