package io.m3j.llm.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class SamplerTest {

    private static final int DRAWS = 20_000;

    private static GenerationOptions options(UnaryOperator<GenerationOptions.Builder> settings) {
        return settings.apply(GenerationOptions.builder()).build();
    }

    @Example
    void greedyTakesTheFirstOfTheGreatest() {
        Sampler sampler = new Sampler(options(o -> o));
        assertThat(sampler.next(new float[] {1, 3, 2, 3, 3})).isEqualTo(1);
        assertThat(sampler.next(new float[] {0, -0f, 0})).isZero();
        assertThat(sampler.next(new float[] {-5, Float.NEGATIVE_INFINITY})).isZero();
        assertThat(sampler.next(new float[] {1, Float.POSITIVE_INFINITY})).isEqualTo(1);
    }

    @Example
    void aLogitThatIsNotANumberIsRefused() {
        for (double temperature : new double[] {0, 1}) {
            Sampler sampler = new Sampler(options(o -> o.temperature(temperature)));
            assertThatThrownBy(() -> sampler.next(new float[] {1, Float.NaN, 2}))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("not a number at id 1");
        }
    }

    @Property(tries = 20)
    void theSameSeedDrawsTheSameIds(@ForAll long seed) {
        GenerationOptions options = options(o -> o.temperature(1.5).topK(30).topP(0.9).seed(seed));
        float[] logits = normal(new Random(seed), 100, 2);
        assertThat(draws(options, logits, 50)).isEqualTo(draws(options, logits, 50));
        GenerationOptions other =
                options(o -> o.temperature(1.5).topK(30).topP(0.9).seed(seed + 1));
        assertThat(draws(other, logits, 50)).isNotEqualTo(draws(options, logits, 50));
    }

    @Property(tries = 12)
    void drawsFollowTheDistribution(
            @ForAll long seed,
            @ForAll @DoubleRange(min = 0.3, max = 3) double temperature,
            @ForAll @IntRange(min = 0, max = 10) int topK,
            @ForAll @DoubleRange(min = 0.2, max = 1) double topP) {
        float[] logits = normal(new Random(seed), 8, 1.5);
        double[] expected = distribution(logits, temperature, topK, topP);
        int[] counts = new int[logits.length];
        GenerationOptions options =
                options(o -> o.temperature(temperature).topK(topK).topP(topP).seed(seed));
        draws(options, logits, DRAWS).forEach(id -> counts[id]++);
        double chiSquare = 0;
        for (int id = 0; id < counts.length; id++) {
            double mean = expected[id] * DRAWS;
            if (mean == 0) {
                assertThat(counts[id]).as("id %d is cut off", id).isZero();
            } else {
                // Rare ids are held to a floor, where the square of a Poisson count over its mean
                // has a long tail.
                chiSquare += (counts[id] - mean) * (counts[id] - mean) / Math.max(mean, 5);
            }
        }
        // Seven degrees of freedom: beyond 60 once in 10¹⁰ runs.
        assertThat(chiSquare).isLessThan(60);
    }

    @Example
    void topPKeepsTheFewestThatReachIt() {
        // Probabilities 1/2, 1/4, 1/8, 1/8
        float[] logits = {(float) Math.log(2), (float) Math.log(4), 0, 0};
        assertThat(seen(logits, 0.5)).containsExactly(1);
        assertThat(seen(logits, 0.51)).containsExactly(0, 1);
        assertThat(seen(logits, 0.76)).containsExactly(0, 1, 2);
        assertThat(seen(logits, 1)).containsExactly(0, 1, 2, 3);
        assertThat(seen(logits, 1e-300)).containsExactly(1);
    }

    private static List<Integer> seen(float[] logits, double topP) {
        GenerationOptions options = options(o -> o.temperature(1).topP(topP).seed(7));
        return draws(options, logits, 2000).stream().distinct().sorted().toList();
    }

    @Property(tries = 300)
    void theRepetitionPenaltyIsThatOfHuggingFace(
            @ForAll long seed, @ForAll @DoubleRange(min = 0.5, max = 3) double penalty) {
        Random random = new Random(seed);
        float[] logits = normal(random, 12, 3);
        int[] occurred = random.ints(5, 0, 12).toArray();
        Sampler sampler = new Sampler(options(o -> o.repetitionPenalty(penalty)));
        // RepetitionPenaltyLogitsProcessor: where(score < 0, score * penalty, score / penalty),
        // once for each id that occurred
        double[] scores = IntStream.range(0, 12).mapToDouble(i -> logits[i]).toArray();
        IntStream.of(occurred)
                .distinct()
                .forEach(
                        id ->
                                scores[id] =
                                        scores[id] < 0
                                                ? scores[id] * penalty
                                                : scores[id] / penalty);
        IntStream.of(occurred).forEach(sampler::occurred);
        int found = sampler.next(logits);
        for (double score : scores) {
            assertThat(scores[found]).isGreaterThanOrEqualTo(score - 1e-5);
        }
    }

    @Example
    void idsPickedCountAsOccurred() {
        Sampler sampler = new Sampler(options(o -> o.repetitionPenalty(2)));
        float[] logits = {3, 2, 1};
        assertThat(List.of(sampler.next(logits), sampler.next(logits), sampler.next(logits)))
                .containsExactly(0, 1, 0); // 3, 2, 1 then 1.5, 2, 1 then 1.5, 1, 1
        assertThat(logits).as("the caller's").containsExactly(3, 2, 1);
    }

    @Example
    void greatLogitsAndLowTemperaturesDoNotOverflow() {
        for (double temperature : new double[] {Double.MIN_VALUE, 1e-30, 1e-3}) {
            Sampler sampler = new Sampler(options(o -> o.temperature(temperature)));
            float[] logits = {-Float.MAX_VALUE, 5, Float.MAX_VALUE, Float.NEGATIVE_INFINITY};
            assertThat(sampler.next(logits)).isEqualTo(2);
        }
        Sampler hot = new Sampler(options(o -> o.temperature(Double.MAX_VALUE)));
        assertThat(hot.next(new float[] {1, 2})).isBetween(0, 1);
    }

    private static List<Integer> draws(GenerationOptions options, float[] logits, int count) {
        Sampler sampler = new Sampler(options);
        return IntStream.range(0, count).mapToObj(i -> sampler.next(logits)).toList();
    }

    private static float[] normal(Random random, int count, double deviation) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        return values;
    }

    /** softmax(logits / temperature), cut to the k likeliest, then to the fewest that reach p. */
    private static double[] distribution(
            float[] logits, double temperature, int topK, double topP) {
        double[] odds = new double[logits.length];
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < logits.length; i++) {
            odds[i] = Math.exp(logits[i] / temperature);
            order.add(i);
        }
        order.sort(Comparator.comparingDouble(i -> -odds[i]));
        if (topK > 0 && topK < order.size()) {
            order = order.subList(0, topK);
        }
        double total = order.stream().mapToDouble(i -> odds[i]).sum();
        double reached = 0;
        List<Integer> kept = new ArrayList<>();
        for (int id : order) {
            if (kept.isEmpty() || reached < topP * total) {
                kept.add(id);
                reached += odds[id];
            }
        }
        double[] expected = new double[logits.length];
        for (int id : kept) {
            expected[id] = odds[id] / reached;
        }
        return expected;
    }
}
