package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.train.recipe.Batching;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Which examples make which batch: a function of seed and step, so that a run goes on anywhere.
 *
 * <p>Each pass through the data has an order of its own, in which every example comes at most once; what
 * does not fill a step sits that pass out. Grouped by length, it is LLaVA's order (llava_trainer.py,
 * get_modality_length_grouped_indices): pictures and text apart, shuffled, then each run of a step's
 * examples sorted by length, and the runs shuffled.
 */
final class BatchOrder {

    private final int examples;
    private final IntUnaryOperator length;
    private final Batching batching;
    private final long seed;
    private long epochKept = -1;
    private List<int[]> batchesKept = List.of();

    /**
     * @param examples how many there are
     * @param length of an example, negative for one without pictures
     * @param batching how they come together
     * @param seed of the orders
     */
    BatchOrder(int examples, IntUnaryOperator length, Batching batching, long seed) {
        this.examples = examples;
        this.length = length;
        this.batching = batching;
        this.seed = seed;
        if (examples < batching.examplesPerStep()) {
            throw new M3Exception(
                    "data: expected at least the "
                            + batching.examplesPerStep()
                            + " examples of one step (batch size × accumulation), found "
                            + examples);
        }
    }

    long stepsPerEpoch() {
        return examples / batching.examplesPerStep();
    }

    /**
     * @param batch number of a batch, counted from the run's first
     * @return its examples
     */
    int[] batch(long batch) {
        long batchesPerEpoch = stepsPerEpoch() * batching.accumulation();
        long epoch = batch / batchesPerEpoch;
        if (epoch != epochKept) {
            batchesKept = order(epoch);
            epochKept = epoch;
        }
        return batchesKept.get((int) (batch % batchesPerEpoch));
    }

    private List<int[]> order(long epoch) {
        SplittableRandom random = new SplittableRandom(mixed(seed, epoch));
        List<Integer> shuffled = shuffled(IntStream.range(0, examples).boxed().toList(), random);
        List<List<Integer>> runs = new ArrayList<>();
        if (batching.groupByLength()) {
            List<Integer> left = new ArrayList<>();
            for (boolean pictures : new boolean[] {true, false}) {
                List<Integer> kind =
                        shuffled.stream()
                                .filter(i -> length.applyAsInt(i) >= 0 == pictures)
                                .toList();
                left.addAll(cut(kind, runs));
            }
            cut(left, runs);
            Comparator<Integer> longest =
                    Comparator.comparingInt(i -> -Math.abs(length.applyAsInt(i)));
            runs.replaceAll(run -> run.stream().sorted(longest).toList());
            runs = shuffled(runs, random);
        } else {
            cut(shuffled, runs);
        }
        int size = batching.size();
        List<int[]> batches = new ArrayList<>();
        for (List<Integer> run : runs) {
            for (int start = 0; start < run.size(); start += size) {
                List<Integer> batch = run.subList(start, start + size);
                batches.add(batch.stream().mapToInt(i -> i).toArray());
            }
        }
        return batches;
    }

    /** Cuts a list into runs of one step each; returns what is left. */
    private List<Integer> cut(List<Integer> list, List<List<Integer>> runs) {
        int size = batching.examplesPerStep();
        int whole = list.size() / size * size;
        for (int start = 0; start < whole; start += size) {
            runs.add(list.subList(start, start + size));
        }
        return list.subList(whole, list.size());
    }

    private static <T> List<T> shuffled(List<T> list, SplittableRandom random) {
        List<T> shuffled = new ArrayList<>(list);
        for (int i = shuffled.size() - 1; i > 0; i--) {
            Collections.swap(shuffled, i, random.nextInt(i + 1));
        }
        return shuffled;
    }

    /**
     * @param seed of a run
     * @param counter of what is drawn
     * @return a seed of its own for it
     */
    static long mixed(long seed, long counter) {
        return new SplittableRandom(seed * 0x9E3779B97F4A7C15L + counter).nextLong();
    }
}
