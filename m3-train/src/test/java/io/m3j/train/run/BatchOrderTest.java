package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.train.recipe.Batching;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class BatchOrderTest {

    private static final IntUnaryOperator LENGTHS = i -> (i % 3 == 0 ? -1 : 1) * (1 + i * 37 % 50);

    @Property(tries = 200)
    void everyPassTakesEachExampleAtMostOnceAndDropsLessThanAStep(
            @ForAll @IntRange(min = 1, max = 5) int size,
            @ForAll @IntRange(min = 1, max = 4) int accumulation,
            @ForAll @IntRange(min = 20, max = 200) int examples,
            @ForAll boolean grouped,
            @ForAll long seed) {
        Batching batching = new Batching(size, accumulation, grouped, 1);
        BatchOrder order = new BatchOrder(examples, LENGTHS, batching, seed);
        long batches = order.stepsPerEpoch() * accumulation;
        for (int epoch = 0; epoch < 2; epoch++) {
            List<Integer> seen = new ArrayList<>();
            for (long batch = 0; batch < batches; batch++) {
                int[] indices = order.batch(epoch * batches + batch);
                assertThat(indices).hasSize(size);
                Arrays.stream(indices).forEach(seen::add);
            }
            assertThat(seen).doesNotHaveDuplicates().allMatch(i -> i >= 0 && i < examples);
            assertThat(examples - seen.size()).isBetween(0, batching.examplesPerStep() - 1);
        }
    }

    @Property(tries = 50)
    void aBatchIsTheSameWhereverARunBegins(@ForAll boolean grouped, @ForAll long seed) {
        Batching batching = new Batching(3, 2, grouped, 1);
        BatchOrder whole = new BatchOrder(50, LENGTHS, batching, seed);
        List<int[]> all = IntStream.range(0, 40).mapToObj(whole::batch).toList();
        for (int batch = 39; batch >= 0; batch -= 7) {
            BatchOrder fresh = new BatchOrder(50, LENGTHS, batching, seed);
            assertThat(fresh.batch(batch)).isEqualTo(all.get(batch));
        }
        assertThat(Arrays.equals(all.get(0), all.get((int) whole.stepsPerEpoch() * 2))).isFalse();
    }

    /** All but the batches of one step that take what is left of both kinds. */
    @Property(tries = 50)
    void groupedBatchesAreOfOneKindAndLikeLengths(@ForAll long seed) {
        Batching batching = new Batching(4, 4, true, 1);
        BatchOrder order = new BatchOrder(480, LENGTHS, batching, seed);
        int mixed = 0;
        double spread = 0;
        long batches = order.stepsPerEpoch() * 4;
        for (long batch = 0; batch < batches; batch++) {
            int[] lengths = Arrays.stream(order.batch(batch)).map(LENGTHS).toArray();
            boolean pictures = lengths[0] >= 0;
            mixed += Arrays.stream(lengths).allMatch(l -> l >= 0 == pictures) ? 0 : 1;
            int[] sizes = Arrays.stream(lengths).map(Math::abs).sorted().toArray();
            spread += sizes[sizes.length - 1] - sizes[0];
        }
        assertThat(mixed).isLessThanOrEqualTo(4);
        assertThat(spread / batches).as("mean range of lengths; 30 at random").isLessThan(15);
    }
}
