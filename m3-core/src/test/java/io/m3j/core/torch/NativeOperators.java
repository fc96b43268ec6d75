package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Random operands for the operators of {@code src/main/c}, and their results as numbers of Java. */
abstract class NativeOperators {

    final long seed = System.nanoTime();
    final Random random = new Random(seed);
    Kernels kernels;
    LinearKernels linears;
    NDManager scope;

    @BeforeEach
    void load() {
        System.out.println("seed " + seed);
        kernels = Kernels.load(Device.cpu());
        linears = new LinearKernels(kernels);
        scope = kernels.newManager();
    }

    @AfterEach
    void close() {
        scope.close();
        kernels.close();
    }

    void assumeOwnKernels() {
        assumeThat(kernels.own().quantised()).as("AVX-512 with VNNI, on Linux").isTrue();
    }

    void assumeOwnKernels(Precision precision) {
        assumeOwnKernels();
        if (precision == Precision.BFLOAT16) {
            assumeThat(kernels.own().bfloat16()).as("AVX512-BF16, without AMX").isTrue();
        }
    }

    float[] normal(int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    static float[] flat(double[][] y) {
        double[] all = Arrays.stream(y).flatMapToDouble(Arrays::stream).toArray();
        float[] numbers = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            numbers[i] = (float) all[i];
        }
        return numbers;
    }

    NDArray array(float[] numbers, long... shape) {
        return scope.create(numbers, new Shape(shape));
    }

    NDArray narrow(float[] numbers, long... shape) {
        return kernels.convert(scope, array(numbers, shape), FloatType.BFLOAT16);
    }

    double[] vector(NDArray x) {
        float[] numbers = kernels.toFloat32(scope, x).toFloatArray();
        double[] y = new double[numbers.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = numbers[i];
        }
        return y;
    }

    double[][] matrix(NDArray x, int rows, int columns) {
        double[] numbers = vector(x);
        assertThat(numbers).hasSize(rows * columns);
        double[][] y = new double[rows][];
        for (int r = 0; r < rows; r++) {
            y[r] = Arrays.copyOfRange(numbers, r * columns, (r + 1) * columns);
        }
        return y;
    }
}
