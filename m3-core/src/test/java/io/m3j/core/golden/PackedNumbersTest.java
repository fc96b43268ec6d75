package io.m3j.core.golden;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.golden.PackedNumbers.Conversion;
import io.m3j.core.golden.PackedNumbers.Parts;
import io.m3j.core.golden.PackedNumbers.Span;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class PackedNumbersTest {

    @Property(tries = 500)
    void whatIsSplitJoinsToTheSameFileHoweverBadThePrediction(
            @ForAll @Size(64) byte[] file,
            @ForAll @Size(64) byte[] source,
            @ForAll Conversion conversion,
            @ForAll @IntRange(max = 20) int offset,
            @ForAll @IntRange(max = 5) int count) {
        Map<String, byte[]> files = Map.of("source", source);
        int width = conversion == Conversion.COPY_F32 ? 4 : 2;
        PackedNumbers numbers =
                new PackedNumbers(
                        width,
                        List.of(
                                new Span(offset, count, null, 0, null),
                                new Span(offset + 24, count, "source", 3, conversion)));
        assertThat(numbers.join(numbers.split(file, files), files)).isEqualTo(file);
    }

    @Test
    void float16IsPredictedFromFloat32ByRoundingToNearestEven() {
        float[] exact = {1, -2.5f, 65504, 0x1p-14f, 0x1p-24f, -0f, 1 + 0x1p-11f, 1 + 0x3p-11f};
        int[] rounded = {0x3C00, 0xC100, 0x7BFF, 0x0400, 0x0001, 0x8000, 0x3C00, 0x3C02};
        assertPredicted(floats(exact), shorts(rounded), Conversion.F32_TO_F16);
    }

    @Test
    void bfloat16IsPredictedFromFloat16() {
        int[] half = {0x3C00, 0xC100, 0x0001, 0x8000, 0x3C04, 0x3C0C};
        int[] brain = {0x3F80, 0xC020, 0x3380, 0x8000, 0x3F80, 0x3F82};
        assertPredicted(shorts(half), shorts(brain), Conversion.F16_TO_BF16);
    }

    private static void assertPredicted(byte[] source, byte[] file, Conversion conversion) {
        Map<String, byte[]> files = Map.of("source", source);
        Span span = new Span(0, file.length / 2, "source", 0, conversion);
        PackedNumbers numbers = new PackedNumbers(2, List.of(span));
        Parts parts = numbers.split(file, files);
        assertThat(parts.rest()).isEmpty();
        assertThat(parts.planes()).hasDimensions(2, file.length / 2);
        assertThat(parts.planes()[0]).containsOnly(0);
        assertThat(parts.planes()[1]).containsOnly(0);
    }

    private static byte[] floats(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return bytes.array();
    }

    private static byte[] shorts(int[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putShort((short) value);
        }
        return bytes.array();
    }
}
