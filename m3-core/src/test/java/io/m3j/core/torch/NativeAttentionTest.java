package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention by the operators of {@code src/main/c} against the same arithmetic in Java, number by
 * number. Where the processor has not what they need, nothing is tested.
 */
class NativeAttentionTest extends NativeOperators {

    private static final boolean BFLOAT16 =
            Processor.of(Device.cpu()).features().contains("avx512_bf16");

    /** Groups of one head and of many, sizes that fill no vector, and rows that take each way. */
    @ParameterizedTest
    @CsvSource({
        "1, 0, 4, 2, 16", "1, 40, 8, 1, 64", "1, 700, 32, 4, 64", "1, 31, 2, 2, 6",
        "2, 0, 4, 4, 32", "12, 5, 4, 2, 64", "13, 0, 9, 3, 10", "65, 33, 8, 2, 128",
        "100, 0, 2, 1, 80"
    })
    void rowsAttendToWhatIsBeforeThem(int rows, int position, int heads, int groups, int size) {
        assumeOwnKernels();
        int capacity = position + rows + (rows % 2 == 0 ? 0 : 3);
        int columns = (heads + 2 * groups) * size;
        NDArray qkv = narrow(normal(rows * columns), rows, columns);
        float[] angles = normal(rows * size / 2);
        NDArray cosine = narrow(twice(angles, size / 2, true), rows, 1, size);
        NDArray sine = narrow(twice(angles, size / 2, false), rows, 1, size);
        float[] past = normal(groups * capacity * size);
        for (boolean last : new boolean[] {false, true}) {
            NDArray keys = narrow(past, groups, capacity, size);
            NDArray values = narrow(past, groups, capacity, size);
            double[][] found =
                    matrix(
                            attend(qkv, cosine, sine, keys, values, position, heads, last),
                            last ? 1 : rows,
                            heads * size);
            NativeKernels.multiplyInBfloat16(false);
            double[][] inFloat32;
            try {
                inFloat32 =
                        matrix(
                                attend(qkv, cosine, sine, keys, values, position, heads, last),
                                last ? 1 : rows,
                                heads * size);
            } finally {
                NativeKernels.multiplyInBfloat16(BFLOAT16);
            }
            for (int r = 0; r < found.length; r++) {
                for (int i = 0; i < found[r].length; i++) {
                    assertThat(inFloat32[r][i]).isCloseTo(found[r][i], Offset.offset(0.01));
                }
            }
            double[] k = vector(keys);
            double[] v = vector(values);
            double[] before = vector(narrow(past, groups, capacity, size));
            for (int i = 0; i < k.length; i++) {
                int at = i / size % capacity;
                if (at < position || at >= position + rows) {
                    assertThat(k[i]).isEqualTo(before[i]);
                    assertThat(v[i]).isEqualTo(before[i]);
                }
            }
            double[][] x = matrix(qkv, rows, columns);
            double[][] c = matrix(cosine, rows, size);
            double[][] s = matrix(sine, rows, size);
            for (int r = 0; r < rows; r++) {
                for (int g = 0; g < groups; g++) {
                    int at = (g * capacity + position + r) * size;
                    double[] key = turned(x[r], (heads + g) * size, c[r], s[r]);
                    for (int e = 0; e < size; e++) {
                        assertThat(k[at + e]).isCloseTo(key[e], Offset.offset(0.02));
                        assertThat(v[at + e]).isEqualTo(x[r][(heads + groups + g) * size + e]);
                    }
                }
            }
            for (int r = last ? rows - 1 : 0; r < rows; r++) {
                for (int h = 0; h < heads; h++) {
                    double[] query = turned(x[r], h * size, c[r], s[r]);
                    int start = h / (heads / groups) * capacity * size;
                    double[] expected = attended(query, k, v, start, position + r + 1);
                    for (int e = 0; e < size; e++) {
                        assertThat(found[last ? 0 : r][h * size + e])
                                .as("last %s, row %d, head %d, %d", last, r, h, e)
                                .isCloseTo(expected[e], Offset.offset(0.03));
                    }
                }
            }
        }
    }

    /** A position that counts for all: it is seen from its own row on, whatever way rows take. */
    @ParameterizedTest
    @CsvSource({"1, 500", "2, 499", "40, 470"})
    void theLastPositionIsSeenAndTheNextIsNot(int rows, int position) {
        assumeOwnKernels();
        int size = 32;
        int capacity = position + rows;
        float[] numbers = new float[rows * 3 * size];
        for (int r = 0; r < rows; r++) {
            // Queries and keys point one way; values tell the row.
            numbers[r * 3 * size] = 16;
            numbers[r * 3 * size + size] = 16 * (r + 1);
            numbers[r * 3 * size + 2 * size] = r + 1;
        }
        NDArray qkv = narrow(numbers, rows, 3 * size);
        float[] ones = new float[rows * size];
        Arrays.fill(ones, 1);
        NDArray cosine = narrow(ones, rows, 1, size);
        NDArray sine = narrow(new float[rows * size], rows, 1, size);
        NDArray keys = narrow(new float[capacity * size], 1, capacity, size);
        NDArray values = narrow(new float[capacity * size], 1, capacity, size);
        double[][] y =
                matrix(attend(qkv, cosine, sine, keys, values, position, 1, false), rows, size);
        for (int r = 0; r < rows; r++) {
            assertThat(y[r][0]).as("row %d", r).isCloseTo(r + 1, Offset.offset(1e-6));
        }
    }

    /** A number that is none is not lost on the way: it may only spoil rows that see it. */
    @ParameterizedTest
    @CsvSource({"1, 20, 3", "1, 20, 20", "14, 20, 3", "40, 0, 38"})
    void whatIsNoNumberSpoilsWhoSeesIt(int rows, int position, int spoilt) {
        assumeOwnKernels();
        int size = 16;
        float[] past = normal((position + rows) * size);
        float[] numbers = normal(rows * 3 * size);
        if (spoilt < position) {
            past[spoilt * size + 5] = Float.NaN;
        } else {
            numbers[(spoilt - position) * 3 * size + size + 5] = Float.NaN;
        }
        NDArray keys = narrow(past, 1, position + rows, size);
        NDArray values = narrow(normal((position + rows) * size), 1, position + rows, size);
        float[] angles = normal(rows * size / 2);
        NDArray cosine = narrow(twice(angles, size / 2, true), rows, 1, size);
        NDArray sine = narrow(twice(angles, size / 2, false), rows, 1, size);
        NDArray qkv = narrow(numbers, rows, 3 * size);
        double[][] y =
                matrix(attend(qkv, cosine, sine, keys, values, position, 1, false), rows, size);
        for (int r = 0; r < rows; r++) {
            boolean sees = position + r >= spoilt;
            assertThat(Double.isNaN(y[r][0])).as("row %d", r).isEqualTo(sees);
        }
    }

    @Test
    void attentionThatDoesNotFitIsRefused() {
        assumeOwnKernels();
        NDArray qkv = narrow(normal(2 * 64), 2, 64);
        NDArray turn = narrow(normal(2 * 16), 2, 1, 16);
        NDArray cache = narrow(normal(5 * 16), 1, 5, 16);
        assertThat(attend(qkv, turn, turn, cache, cache, 3, 2, false).getShape())
                .isEqualTo(new Shape(2, 32));
        NDArray wide = array(normal(2 * 64), 2, 64);
        NDArray turned = narrow(normal(5 * 16), 5, 1, 16);
        NDArray[][] operands = {
            {wide, turn, cache, cache},
            {narrow(normal(2 * 62), 2, 62), turn, cache, cache},
            {qkv, narrow(normal(16), 1, 1, 16), cache, cache},
            {qkv, turn, array(normal(5 * 16), 1, 5, 16), cache},
            {qkv, turn, cache, turned},
            {qkv, turn, turned, turned}
        };
        for (NDArray[] o : operands) {
            assertThatThrownBy(() -> attend(o[0], o[1], o[1], o[2], o[3], 3, 2, false))
                    .isInstanceOf(EngineException.class);
        }
        for (int[] places : new int[][] {{4, 2}, {-1, 2}, {3, 1}, {3, 3}}) {
            assertThatThrownBy(
                            () ->
                                    attend(
                                            qkv, turn, turn, cache, cache, places[0], places[1],
                                            false))
                    .isInstanceOf(EngineException.class);
        }
    }

    /** As in the encoder: several sequences, sizes that fill no vector, and a single row. */
    @ParameterizedTest
    @CsvSource({
        "1, 1, 2, 16",
        "1, 2, 3, 6",
        "2, 13, 4, 64",
        "3, 24, 2, 10",
        "1, 145, 2, 80",
        "2, 30, 2, 7"
    })
    void rowsWithoutAnOrderSeeAllOfTheirOwn(int sequences, int rows, int heads, int size) {
        assumeOwnKernels();
        int columns = 3 * heads * size;
        NDArray qkv = narrow(normal(sequences * rows * columns), sequences * rows, columns);
        double[][] x = matrix(qkv, sequences * rows, columns);
        double[][] y =
                matrix(
                        kernels.call(scope, "native_attend_all", qkv, sequences, heads),
                        sequences * rows,
                        heads * size);
        for (int t = 0; t < sequences; t++) {
            for (int h = 0; h < heads; h++) {
                double[] k = new double[rows * size];
                double[] v = new double[rows * size];
                for (int r = 0; r < rows; r++) {
                    double[] row = x[t * rows + r];
                    System.arraycopy(row, (heads + h) * size, k, r * size, size);
                    System.arraycopy(row, (2 * heads + h) * size, v, r * size, size);
                }
                for (int r = t * rows; r < (t + 1) * rows; r++) {
                    double[] query = Arrays.copyOfRange(x[r], h * size, (h + 1) * size);
                    double[] expected = attended(query, k, v, 0, rows);
                    for (int e = 0; e < size; e++) {
                        assertThat(y[r][h * size + e])
                                .as("row %d, head %d, %d", r, h, e)
                                .isCloseTo(expected[e], Offset.offset(0.03));
                    }
                }
            }
        }
    }

    @Test
    void rowsThatAreNoWholeSequencesAreRefused() {
        assumeOwnKernels();
        NDArray qkv = narrow(normal(6 * 48), 6, 48);
        for (int[] places : new int[][] {{4, 2}, {0, 2}, {2, 0}, {2, 5}, {2, 32}}) {
            assertThatThrownBy(
                            () ->
                                    kernels.call(
                                            scope, "native_attend_all", qkv, places[0], places[1]))
                    .isInstanceOf(EngineException.class);
        }
    }

    private NDArray attend(
            NDArray qkv,
            NDArray cosine,
            NDArray sine,
            NDArray keys,
            NDArray values,
            int position,
            int heads,
            boolean last) {
        return kernels.call(
                scope, "native_attend", qkv, cosine, sine, keys, values, position, heads, last);
    }

    private static double[] turned(double[] row, int at, double[] cosine, double[] sine) {
        int half = cosine.length / 2;
        double[] y = new double[cosine.length];
        for (int e = 0; e < half; e++) {
            y[e] = row[at + e] * cosine[e] - row[at + half + e] * sine[e];
            y[half + e] = row[at + half + e] * cosine[e] + row[at + e] * sine[e];
        }
        return y;
    }

    private static double[] attended(double[] query, double[] k, double[] v, int start, int seen) {
        int size = query.length;
        double[] scores = new double[seen];
        for (int s = 0; s < seen; s++) {
            for (int e = 0; e < size; e++) {
                scores[s] += query[e] * k[start + s * size + e] / Math.sqrt(size);
            }
        }
        double greatest = Arrays.stream(scores).max().orElseThrow();
        double sum = 0;
        double[] y = new double[size];
        for (int s = 0; s < seen; s++) {
            double share = Math.exp(scores[s] - greatest);
            sum += share;
            for (int e = 0; e < size; e++) {
                y[e] += share * v[start + s * size + e];
            }
        }
        for (int e = 0; e < size; e++) {
            y[e] /= sum;
        }
        return y;
    }

    private static float[] twice(float[] angles, int half, boolean cosine) {
        float[] y = new float[2 * angles.length];
        for (int i = 0; i < y.length; i++) {
            float angle = angles[i / (2 * half) * half + i % half];
            y[i] = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
        }
        return y;
    }
}
