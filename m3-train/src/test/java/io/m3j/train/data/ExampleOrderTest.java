package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class ExampleOrderTest {

    /** Examples of given lengths, and nothing else. */
    private record Lengths(int... lengths) implements ExampleSource {
        @Override
        public int size() {
            return lengths.length;
        }

        @Override
        public io.m3j.train.data.Example get(int index) {
            throw new AssertionError("nobody asks for it");
        }

        @Override
        public int length(int index) {
            return lengths[index];
        }

        @Override
        public String fingerprint() {
            return "";
        }
    }

    @Property(tries = 300)
    void everyEpochHasEachExampleOnceInFullBatchesButTheLast(
            @ForAll @IntRange(min = 1, max = 500) int size,
            @ForAll @IntRange(min = 1, max = 40) int batchSize,
            @ForAll long seed) {
        ExampleOrder order = ExampleOrder.shuffled(size, batchSize, seed);
        for (int epoch : new int[] {0, 3}) {
            List<int[]> batches = epoch(order, epoch);
            assertThat(flat(batches).sorted()).containsExactlyElementsOf(all(size));
            assertThat(batches.subList(0, batches.size() - 1)).allMatch(b -> b.length == batchSize);
        }
    }

    @Property(tries = 300)
    void groupedBatchesAreOfOneKindAndEachExampleOccursOnce(
            @ForAll @Size(min = 1, max = 300) int[] given,
            @ForAll @IntRange(min = 1, max = 20) int batchSize,
            @ForAll long seed) {
        int[] lengths = Arrays.stream(given).map(l -> l == 0 ? 1 : l).toArray();
        ExampleOrder order = ExampleOrder.grouped(new Lengths(lengths), batchSize, seed);
        List<int[]> batches = epoch(order, 1);
        assertThat(flat(batches).sorted()).containsExactlyElementsOf(all(lengths.length));
        for (int[] batch : batches) {
            assertThat(batch.length).isBetween(1, batchSize);
            assertThat(Arrays.stream(batch).map(i -> Integer.signum(lengths[i])).distinct())
                    .hasSize(1);
        }
        assertThat(batches.stream().filter(batch -> batch.length < batchSize).count())
                .isLessThanOrEqualTo(2);
    }

    @Property(tries = 100)
    void anyStepIsTheSameAskedAloneOrAmongOthers(
            @ForAll long seed, @ForAll @IntRange(max = 5000) int step) {
        int[] lengths = new Random(1).ints(777, -50, 50).toArray();
        Lengths source = new Lengths(lengths);
        ExampleOrder walked = ExampleOrder.grouped(source, 4, seed);
        for (int i = Math.max(0, step - 3); i < step; i++) {
            walked.batch(i);
        }
        assertThat(walked.batch(step)).isEqualTo(ExampleOrder.grouped(source, 4, seed).batch(step));
    }

    /** The numbers are those of a second implementation, in Python, of order and generator. */
    @Example
    void theOrderIsTheOneOfEveryJvmAndVersion() {
        assertThat(flat(epoch(ExampleOrder.shuffled(12, 5, 42), 0)))
                .containsExactly(3, 10, 7, 8, 0, 9, 6, 5, 11, 4, 1, 2);
        int[] lengths = {5, -3, 9, 1, -7, 4, 8, 2};
        assertThat(flat(epoch(ExampleOrder.grouped(new Lengths(lengths), 2, 42), 1)))
                .containsExactly(7, 3, 2, 6, 0, 5, 4, 1);
    }

    @Example
    void epochsAndSeedsDifferAndGroupingSavesMostPadding() {
        int[] lengths = new Random(2).ints(4000, 1, 500).toArray();
        ExampleOrder shuffled = ExampleOrder.shuffled(4000, 8, 1);
        ExampleOrder grouped = ExampleOrder.grouped(new Lengths(lengths), 8, 1);
        assertThat(padding(grouped, lengths)).isLessThan(padding(shuffled, lengths) / 10);
        for (ExampleOrder order : List.of(shuffled, grouped)) {
            assertThat(order.batch(0)).isNotEqualTo(order.batch(order.batchesPerEpoch()));
        }
        assertThat(shuffled.batch(0)).isNotEqualTo(ExampleOrder.shuffled(4000, 8, 2).batch(0));
        // Long batches are not all at one end.
        int[] firstOf = epoch(grouped, 0).stream().mapToInt(b -> lengths[b[0]]).toArray();
        double firstHalf = Arrays.stream(firstOf).limit(250).average().orElseThrow();
        double secondHalf = Arrays.stream(firstOf).skip(250).average().orElseThrow();
        assertThat(firstHalf / secondHalf).isBetween(0.8, 1.25);
    }

    @Example
    void whatMakesNoBatchIsRefused() {
        assertThatThrownBy(() -> ExampleOrder.shuffled(0, 1, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("at least one");
        assertThatThrownBy(() -> ExampleOrder.shuffled(1, 0, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("batch size: expected at least 1, found 0");
        assertThatThrownBy(() -> ExampleOrder.shuffled(1, 1, 0).batch(-1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found -1");
    }

    private static long padding(ExampleOrder order, int[] lengths) {
        long padding = 0;
        for (int[] batch : epoch(order, 0)) {
            int longest = Arrays.stream(batch).map(i -> lengths[i]).max().orElseThrow();
            padding += Arrays.stream(batch).map(i -> longest - lengths[i]).sum();
        }
        return padding;
    }

    private static List<int[]> epoch(ExampleOrder order, int epoch) {
        List<int[]> batches = new ArrayList<>();
        for (int i = 0; i < order.batchesPerEpoch(); i++) {
            batches.add(order.batch((long) epoch * order.batchesPerEpoch() + i));
        }
        return batches;
    }

    private static java.util.stream.Stream<Integer> flat(List<int[]> batches) {
        return batches.stream().flatMapToInt(Arrays::stream).boxed();
    }

    private static List<Integer> all(int size) {
        return IntStream.range(0, size).boxed().toList();
    }
}
