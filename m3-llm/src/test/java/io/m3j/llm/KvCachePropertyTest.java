package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

/** Reading a prompt in pieces into the cache is reading it at once. */
class KvCachePropertyTest {

    /** float32 sums in another order. */
    private static final float TOLERANCE = 2e-4f;

    private static final Map<String, LoadedParts> LOADED = new HashMap<>();

    private static LoadedParts parts(String checkpoint) {
        return LOADED.computeIfAbsent(checkpoint, c -> new LoadedParts(Golden.checkpoint(c)));
    }

    @AfterContainer
    static void close() {
        LOADED.values().forEach(LoadedParts::close);
        LOADED.clear();
    }

    @Property(tries = 40)
    void withAsManyKeyHeadsAsQueryHeads(
            @ForAll @Size(min = 1, max = 48) List<@IntRange(min = 0, max = 511) Integer> ids,
            @ForAll @Size(max = 6) List<@IntRange(min = 1, max = 47) Integer> cuts) {
        piecesEqualTheWhole(parts("llava-m3"), ids, cuts);
    }

    @Property(tries = 40)
    void withGroupedQueries(
            @ForAll @Size(min = 1, max = 48) List<@IntRange(min = 0, max = 511) Integer> ids,
            @ForAll @Size(max = 6) List<@IntRange(min = 1, max = 47) Integer> cuts) {
        piecesEqualTheWhole(parts("llava-m3-gqa-sharded"), ids, cuts);
    }

    /** The decode path, one position at a time, from the very first. */
    @Property(tries = 10)
    void oneByOne(
            @ForAll @Size(min = 2, max = 24) List<@IntRange(min = 0, max = 511) Integer> ids) {
        List<Integer> everywhere = IntStream.range(1, ids.size()).boxed().toList();
        piecesEqualTheWhole(parts("llava-m3-gqa-sharded"), ids, everywhere);
    }

    @Property(tries = 5)
    void moreThanTheCacheHoldsIsRefused(@ForAll @IntRange(min = 1, max = 8) int capacity) {
        LoadedParts parts = parts("llava-m3");
        try (KvCache cache = parts.decoder().newCache(capacity);
                NDManager scope = parts.kernels.newManager()) {
            NDArray x = parts.decoder().embed(scope, new long[capacity + 1]);
            assertThatThrownBy(() -> parts.decoder().forward(scope, x, cache, true))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(capacity + 1 + " positions")
                    .hasMessageContaining("of " + capacity);
            assertThat(cache.length()).isZero();
        }
    }

    private static void piecesEqualTheWhole(
            LoadedParts parts, List<Integer> ids, List<Integer> cuts) {
        TreeSet<Integer> ends = new TreeSet<>(cuts);
        ends.removeIf(cut -> cut >= ids.size());
        ends.add(ids.size());
        long[] prompt = ids.stream().mapToLong(Integer::longValue).toArray();
        try (NDManager scope = parts.kernels.newManager()) {
            NDArray x = parts.decoder().embed(scope, prompt);
            float[] whole = parts.logits(x, ids.size());
            float[] pieces = parts.logits(x, ends.stream().mapToInt(Integer::intValue).toArray());
            for (int i = 0; i < whole.length; i++) {
                assertThat(Math.abs(pieces[i] - whole[i]))
                        .as("position %d", i / 512)
                        .isLessThanOrEqualTo(TOLERANCE);
            }
        }
    }
}
