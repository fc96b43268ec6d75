package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Views of every kind against the definition: element by element. */
class StridedCopyTest {

    @Property(tries = 300)
    void theElementAtEachIndexIsTheOneThatTheStridesLeadTo(
            @ForAll long seed,
            @ForAll @IntRange(max = 5) int rank,
            @ForAll @IntRange(max = 3) int logarithmOfElementBytes) {
        Random random = new Random(seed);
        int elementBytes = 1 << logarithmOfElementBytes;
        long[] shape = random.longs(rank, 1, 5).toArray();
        long[] strides = random.longs(rank, 0, 9).toArray(); // 0 repeats, others may overlap
        TensorView view =
                new TensorView(null, new TensorView.Storage("0", null, 0, 0), 0, shape, strides);
        byte[] storage = new byte[(int) view.span() * elementBytes];
        random.nextBytes(storage);
        int count = 1;
        for (long size : shape) {
            count *= (int) size;
        }
        ByteBuffer expected = ByteBuffer.allocate(count * elementBytes);
        for (int i = 0; i < count; i++) {
            long element = 0;
            int rest = i;
            for (int d = rank - 1; d >= 0; d--) {
                element += rest % shape[d] * strides[d];
                rest /= (int) shape[d];
            }
            expected.put(storage, (int) element * elementBytes, elementBytes);
        }
        ByteBuffer found = ByteBuffer.allocate(count * elementBytes);
        StridedCopy.copy(ByteBuffer.wrap(storage), found, elementBytes, shape, strides);
        assertThat(found.array()).isEqualTo(expected.array());
        if (view.contiguous()) {
            assertThat(storage).isEqualTo(expected.array());
        }
    }
}
