package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Which examples make the batch of a step: a function of the step alone, given the seed, so that a
 * run that was killed goes on with nothing but its step's number. Every epoch has each example once,
 * in an order of its own; its last batch, or the last of each kind, may be smaller.
 *
 * <p>The same on every JVM: it draws from {@link Random}, whose numbers Java's specification fixes,
 * and runs on the caller's thread. Keeps the order of one epoch: 8 bytes an example, 12 if grouped,
 * and some 24 a batch; twice as much of the order while the next epoch's is made. Asking for steps of
 * two epochs in turn orders anew each time. Safe for use by several threads.
 */
public final class ExampleOrder {

    /** Batches among which examples of like length are sought: as Hugging Face's sampler. */
    private static final int BATCHES_IN_A_GROUP = 50;

    private final int[][] kinds;
    private final int[] lengths;
    private final int batchSize;
    private final long seed;
    private final int batches;
    private Epoch current;

    /**
     * @param number from 0
     * @param batches indices of examples
     */
    private record Epoch(long number, int[][] batches) {}

    private ExampleOrder(int[][] kinds, int[] lengths, int batchSize, long seed) {
        if (batchSize < 1) {
            throw new M3Exception("batch size: expected at least 1, found " + batchSize);
        }
        this.kinds = kinds;
        this.lengths = lengths;
        this.batchSize = batchSize;
        this.seed = seed;
        this.batches = Arrays.stream(kinds).mapToInt(this::batchesOf).sum();
        if (batches == 0) {
            throw new M3Exception("examples: expected at least one, found none");
        }
    }

    /**
     * Examples in a random order.
     *
     * @param size how many there are
     * @param batchSize examples a batch
     * @param seed of the order
     * @return the order
     * @throws M3Exception if there is no example, or no place in a batch
     */
    public static ExampleOrder shuffled(int size, int batchSize, long seed) {
        int[] all = IntStream.range(0, Math.max(size, 0)).toArray();
        return new ExampleOrder(new int[][] {all}, null, batchSize, seed);
    }

    /**
     * Batches of like lengths, so that little of them is padding; those with pictures and those
     * without apart. In spirit LLaVA's {@code LengthGroupedSampler}: a random order is cut into groups
     * of 50 batches, each group sorted by length and cut into batches, and all batches of both kinds
     * shuffled.
     *
     * @param source tells the lengths; each is asked for once, now
     * @param batchSize examples a batch
     * @param seed of the order
     * @return the order
     * @throws M3Exception if there is no example, or no place in a batch
     */
    public static ExampleOrder grouped(ExampleSource source, int batchSize, long seed) {
        return grouped(required(source, "source").size(), source::length, batchSize, seed);
    }

    /**
     * The same by lengths that somebody else tells, such as one that counts what pictures take.
     *
     * @param size how many examples there are
     * @param length of each, negative for one without a picture; asked for once, now, by several threads
     * @param batchSize examples a batch
     * @param seed of the order
     * @return the order
     * @throws M3Exception if there is no example, or no place in a batch
     */
    public static ExampleOrder grouped(
            int size, IntUnaryOperator length, int batchSize, long seed) {
        int[] lengths = IntStream.range(0, size).parallel().map(length).toArray();
        int[] pictures = IntStream.range(0, size).filter(i -> lengths[i] >= 0).toArray();
        int[] texts = IntStream.range(0, size).filter(i -> lengths[i] < 0).toArray();
        return new ExampleOrder(new int[][] {pictures, texts}, lengths, batchSize, seed);
    }

    private int batchesOf(int[] examples) {
        return (int) (((long) examples.length + batchSize - 1) / batchSize);
    }

    /**
     * @return batches in which each example occurs once
     */
    public int batchesPerEpoch() {
        return batches;
    }

    /**
     * @param step from 0, over all epochs
     * @return indices of its examples, 1 to batch size of them; a copy
     * @throws M3Exception if step is negative
     */
    public int[] batch(long step) {
        if (step < 0) {
            throw new M3Exception("step: expected 0 or more, found " + step);
        }
        return epoch(step / batches).batches()[(int) (step % batches)].clone();
    }

    private synchronized Epoch epoch(long number) {
        if (current == null || current.number() != number) {
            current = new Epoch(number, ordered(new Random(mixed(seed, number))));
        }
        return current;
    }

    private int[][] ordered(Random random) {
        int[][] all = new int[batches][];
        int filled = 0;
        for (int[] kind : kinds) {
            int[] examples = kind.clone();
            for (int i = examples.length - 1; i > 0; i--) {
                swap(examples, i, random.nextInt(i + 1));
            }
            if (lengths != null) {
                sortInGroups(examples);
            }
            for (long from = 0; from < examples.length; from += batchSize) {
                int to = (int) Math.min(from + batchSize, examples.length);
                all[filled++] = Arrays.copyOfRange(examples, (int) from, to);
            }
        }
        if (lengths != null) {
            for (int i = batches - 1; i > 0; i--) {
                int other = random.nextInt(i + 1);
                int[] batch = all[i];
                all[i] = all[other];
                all[other] = batch;
            }
        }
        return all;
    }

    private void sortInGroups(int[] examples) {
        int group = (int) Math.min((long) batchSize * BATCHES_IN_A_GROUP, Integer.MAX_VALUE);
        for (long from = 0; from < examples.length; from += group) {
            int begin = (int) from;
            int end = (int) Math.min(from + group, examples.length);
            int[] sorted =
                    Arrays.stream(examples, begin, end)
                            .boxed()
                            .sorted(Comparator.comparingInt(i -> -Math.abs(lengths[i])))
                            .mapToInt(i -> i)
                            .toArray();
            System.arraycopy(sorted, 0, examples, begin, sorted.length);
        }
    }

    private static void swap(int[] numbers, int i, int j) {
        int number = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = number;
    }

    /** Seeds of neighbouring epochs far apart: the finaliser of SplitMix64. */
    private static long mixed(long seed, long epoch) {
        long bits = seed + (epoch + 1) * 0x9E3779B97F4A7C15L;
        bits = (bits ^ (bits >>> 30)) * 0xBF58476D1CE4E5B9L;
        bits = (bits ^ (bits >>> 27)) * 0x94D049BB133111EBL;
        return bits ^ (bits >>> 31);
    }
}
