package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is dropped, seen through the projector with an adapter that leaves its input as it is. */
class DropoutMaskTest {

    private static final long KEY = 0xC0FFEE_0DDBA11L;

    private final TrainingKernels kernels = TrainingKernels.load(Device.cpu());
    private final NDManager scope = kernels.newManager();

    @AfterEach
    void close() {
        kernels.close();
    }

    /** The JDK's own generator is the reference. */
    private static boolean[] kept(DropoutMask mask, int count) {
        boolean[] kept = new boolean[count];
        SplittableRandom random = new SplittableRandom(mask.key());
        long word = 0;
        for (int i = 0; i < count; i++) {
            word = i % 4 == 0 ? random.nextLong() : word << 16;
            kept[i] = (short) (word >>> 48) < mask.kept() - 32768;
        }
        return kept;
    }

    private NDArray array(float[] values, boolean learnt, long... sizes) {
        return kernels.parameter(scope, FloatBuffer.wrap(values), new Shape(sizes), learnt);
    }

    private NDArray projected(
            NDArray x, List<NDArray> matrices, DropoutMask mask, float factor, FloatType type) {
        NDArray nothing = kernels.zeros(scope, new Shape(0));
        List<NDArray> weights = new ArrayList<>(List.of(matrices.get(0), nothing));
        weights.addAll(matrices.subList(1, 3));
        weights.add(array(new float[] {factor}, false));
        weights.add(mask.array(scope));
        return kernels.tower().project(scope, x, weights, Activation.GELU, type);
    }

    /** Rows of numbers, with dropout: W is zero, A and B change nothing. */
    private float[] dropped(float[] numbers, int width, DropoutMask mask, FloatType type) {
        float[] withClass = new float[numbers.length + width]; // its token comes first, and goes
        System.arraycopy(numbers, 0, withClass, width, numbers.length);
        float[] one = new float[width * width];
        for (int i = 0; i < width; i++) {
            one[i * (width + 1)] = 1;
        }
        NDArray x = array(withClass, false, 1, withClass.length / width, width);
        NDArray unit = array(one, false, width, width);
        NDArray zero = array(new float[width * width], false, width, width);
        return projected(x, List.of(zero, unit, unit), mask, 1, type).toFloatArray();
    }

    /** 35 numbers: no whole number of the generator's. */
    @ParameterizedTest
    @CsvSource({"0.05, FLOAT32", "0.5, FLOAT32", "0.9, FLOAT32", "0.5, BFLOAT16", "1e-9, FLOAT32"})
    void theMaskIsThatOfTheGeneratorBehindItsKey(double probability, FloatType type) {
        float[] numbers = new float[35];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = i + 1;
        }
        for (long key : new long[] {KEY, KEY + 1, 0, -1, Long.MIN_VALUE}) {
            DropoutMask mask = new DropoutMask(key, probability);
            float[] found = dropped(numbers, 7, mask, type);
            boolean[] kept = kept(mask, numbers.length);
            for (int i = 0; i < numbers.length; i++) {
                float expected = kept[i] ? numbers[i] * 65536 / mask.kept() : 0;
                assertThat(found[i]).as("%d", i).isCloseTo(expected, within(expected * 1e-6f));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.3, 0.5})
    void asManyAreDroppedAsItSaysAndWhatIsKeptMakesUpForThem(double probability) {
        int width = 50;
        int count = 4000 * width;
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        DropoutMask mask = new DropoutMask(KEY, probability);
        float[] found = dropped(ones, width, mask, FloatType.FLOAT32);
        double zeros = 0;
        double sum = 0;
        for (float value : found) {
            zeros += value == 0 ? 1 : 0;
            sum += value;
        }
        double deviation = Math.sqrt(probability * (1 - probability) / count);
        assertThat(zeros / count).isCloseTo(probability, within(4 * deviation));
        assertThat(sum / count).isCloseTo(1, within(4 * deviation / (1 - probability)));
        // Whether a number is dropped says nothing about those beside it, below it, or of another
        // key.
        float[] other =
                dropped(ones, width, new DropoutMask(KEY + 1, probability), FloatType.FLOAT32);
        for (int away : new int[] {1, 2, 4, width}) {
            assertThat(together(found, found, away) / count)
                    .as("%d away", away)
                    .isCloseTo(probability * probability, within(4 * deviation));
        }
        assertThat(together(found, other, 0) / count)
                .isCloseTo(probability * probability, within(4 * deviation));
    }

    private static double together(float[] some, float[] others, int away) {
        double both = 0;
        for (int i = 0; i < some.length; i++) {
            both += some[i] == 0 && others[(i + away) % others.length] == 0 ? 1 : 0;
        }
        return both;
    }

    /** y = W · x + s · B · A · x', where x' = mask · x / (1 − p): dL/dA = s · Bᵀ · g · x'ᵀ, dL/dB = s · g · (A · x')ᵀ. */
    @Test
    void valuesAndGradientsAreThoseOfTheMaskWrittenOut() {
        int inputs = 3;
        int outputs = 2;
        float factor = 0.75f;
        DropoutMask mask = new DropoutMask(KEY, 0.5);
        float[] x = {9, 9, 9, 1, 2, 3, 4, 5, 6}; // class token, two rows
        float[] w = {1, -1, 2, 0.5f, 1, -2};
        float[] a = {0.5f, -1, 2};
        float[] b = {3, -2};
        float[] g = {1, 2, -1, 0.5f};
        NDArray down = array(a, true, 1, inputs);
        NDArray up = array(b, true, outputs, 1);
        NDArray weight = array(w, false, outputs, inputs);
        NDArray tokens = array(x, true, 1, 3, inputs);
        NDArray y = projected(tokens, List.of(weight, down, up), mask, factor, FloatType.FLOAT32);
        Gradients.backward(y, array(g, false, 1, 2, outputs));

        boolean[] kept = kept(mask, 2 * inputs);
        float[] values = new float[2 * outputs];
        float[] gradientOfA = new float[inputs];
        float[] gradientOfB = new float[outputs];
        float[] gradientOfX = new float[x.length];
        for (int row = 0; row < 2; row++) {
            float inner = 0;
            for (int i = 0; i < inputs; i++) {
                inner += kept[row * inputs + i] ? a[i] * x[(row + 1) * inputs + i] * 2 : 0;
            }
            for (int o = 0; o < outputs; o++) {
                float there = g[row * outputs + o];
                values[row * outputs + o] = factor * b[o] * inner;
                gradientOfB[o] += factor * there * inner;
                for (int i = 0; i < inputs; i++) {
                    int at = (row + 1) * inputs + i;
                    float scale = kept[row * inputs + i] ? 2 : 0;
                    values[row * outputs + o] += w[o * inputs + i] * x[at];
                    gradientOfA[i] += factor * b[o] * there * x[at] * scale;
                    gradientOfX[at] += there * (w[o * inputs + i] + factor * b[o] * a[i] * scale);
                }
            }
        }
        assertThat(kept).contains(true, false);
        assertThat(y.toFloatArray()).containsExactly(values, within(1e-5f));
        assertThat(gradient(down)).containsExactly(gradientOfA, within(1e-5f));
        assertThat(gradient(up)).containsExactly(gradientOfB, within(1e-5f));
        assertThat(gradient(tokens)).containsExactly(gradientOfX, within(1e-5f));
    }

    private float[] gradient(NDArray leaf) {
        return Gradients.gradient(scope, leaf).orElseThrow().toFloatArray();
    }

    @Test
    void aProbabilityLiesBetweenNothingAndAll() {
        assertThat(new DropoutMask(1, Math.nextDown(1.0)).kept()).isEqualTo(1);
        assertThat(new DropoutMask(1, Double.MIN_VALUE).kept()).isEqualTo(65535);
        for (double wrong : new double[] {0, 1, -0.1, Double.NaN}) {
            assertThatThrownBy(() -> new DropoutMask(1, wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("found " + wrong);
        }
    }
}
