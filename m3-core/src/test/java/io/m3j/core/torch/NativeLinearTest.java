package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Linear layers by the operators of {@code src/main/c} against the same arithmetic in Java, number by
 * number. Where the processor has not what they need, nothing is tested.
 */
class NativeLinearTest extends NativeOperators {

    private static final double EPSILON = 1e-5;

    /** Of one sequence. */
    private static final long[] NO_LENGTHS = {};

    /** What a row goes through first, by its number in {@code kernels.h}. */
    private static final int AS_IT_IS = 0;

    private static final int RMS_NORM = 1;
    private static final int SILU_GATE = 2;
    private static final int LAYER_NORM = 3;
    private static final int KINDS = 9;

    /** Rows of bfloat16 up to which each is multiplied by itself. */
    private static final int FEW = 31;

    /** Every kind of input, odd sizes, and as many rows as take each way through the tiles. */
    @ParameterizedTest
    @CsvSource({
        "INT8, 1, 64, 32",
        "INT8, 1, 7, 5",
        "INT8, 2, 36, 33",
        "INT8, 3, 130, 64",
        "INT8, 13, 64, 70",
        "INT8, 27, 100, 31",
        "INT8, 250, 64, 40",
        "INT8, 2, 4096, 300",
        "INT4, 1, 64, 32",
        "INT4, 1, 32, 16",
        "INT4, 2, 96, 48",
        "INT4, 3, 128, 64",
        "INT4, 13, 64, 80",
        "INT4, 250, 64, 48",
        "INT4, 2, 4096, 304",
        "BFLOAT16, 1, 64, 32",
        "BFLOAT16, 1, 7, 5",
        "BFLOAT16, 1, 333, 70",
        "BFLOAT16, 2, 36, 33",
        "BFLOAT16, 3, 130, 64",
        "BFLOAT16, 4, 33, 2",
        "BFLOAT16, 5, 65, 3",
        "BFLOAT16, 6, 1, 31",
        "BFLOAT16, 13, 2100, 70",
        "BFLOAT16, 32, 64, 64",
        "BFLOAT16, 33, 70, 33",
        "BFLOAT16, 65, 33, 40",
        "BFLOAT16, 75, 2054, 32",
        "BFLOAT16, 300, 66, 100"
    })
    void aLayerIsTheProductOfItsWeights(Precision precision, int rows, int inputs, int outputs) {
        assumeOwnKernels(precision);
        Linear layer;
        double[][] weight;
        NDArray bias = narrow(normal(outputs), outputs);
        if (precision == Precision.BFLOAT16) {
            NDArray numbers = narrow(normal(outputs * inputs), outputs, inputs);
            weight = matrix(numbers, outputs, inputs);
            layer = linears.linear(scope, numbers, bias, precision, true);
        } else {
            NDArray numbers = array(normal(outputs * inputs), outputs, inputs);
            QuantisedWeight levels = linears.quantise(scope, numbers, precision);
            NDArray rounded = linears.dequantise(scope, levels, FloatType.FLOAT32);
            weight = matrix(rounded, outputs, inputs);
            layer = linears.pack(scope, levels, bias);
        }
        NDArray norm = narrow(normal(inputs), inputs);
        NDArray normBias = narrow(normal(inputs), inputs);
        NDArray residual = narrow(normal(rows * outputs), rows, outputs);
        double[] biases = vector(bias);
        double[][] residuals = matrix(residual, rows, outputs);
        for (int kind = 0; kind < KINDS; kind++) {
            int columns = kind == SILU_GATE ? 2 * inputs : inputs;
            NDArray x = narrow(normal(rows * columns), rows, columns);
            double[][] prepared =
                    prepared(matrix(x, rows, columns), kind, vector(norm), vector(normBias));
            boolean quantises = precision.quantises();
            double[][] taken =
                    quantises
                            ? quantised(prepared)
                            : matrix(narrow(flat(prepared), rows, inputs), rows, inputs);
            double[][] expected = product(taken, weight);
            NDArray wide = apply(x, layer, residual, norm, normBias, kind, true);
            double[][] found = matrix(wide, rows, outputs);
            NDArray rounded = apply(x, layer, residual, norm, normBias, kind, false);
            assertThat(matrix(rounded, rows, outputs))
                    .isDeepEqualTo(matrix(narrow(flat(found), rows, outputs), rows, outputs));
            // Of a row, one number may be the next one, where it lies in the middle between two.
            double step = greatest(taken) / (quantises ? 127 : 256) * greatest(weight);
            Offset<Double> error = Offset.offset(3.1 * step + 1e-4 * greatest(expected));
            for (int r = 0; r < rows; r++) {
                for (int n = 0; n < outputs; n++) {
                    assertThat(found[r][n])
                            .as("kind %d, row %d, output %d", kind, r, n)
                            .isCloseTo(expected[r][n] + biases[n] + residuals[r][n], error);
                }
            }
        }
    }

    /** Rows that are zero, that overflow, and that are no numbers, each by itself. */
    @ParameterizedTest
    @CsvSource({"INT8, 14", "INT4, 14", "BFLOAT16, 14", "BFLOAT16, 40"})
    void aRowThatIsNoNumberSpoilsNoOther(Precision precision, int rows) {
        assumeOwnKernels(precision);
        float[] numbers = normal(rows * 64);
        Arrays.fill(numbers, 0, 64, 0);
        numbers[3 * 64 + 17] = Float.NaN;
        numbers[5 * 64 + 63] = Float.POSITIVE_INFINITY;
        numbers[13 * 64] = Float.NaN;
        Linear layer = layer(32, 64, precision);
        double[][] y = matrix(linears.apply(scope, narrow(numbers, rows, 64), layer), rows, 32);
        Set<Integer> spoilt = Set.of(3, 5, 13);
        for (int r = 0; r < rows; r++) {
            for (double number : y[r]) {
                if (r == 0) {
                    assertThat(number).isZero();
                } else {
                    assertThat(Double.isFinite(number))
                            .as("row %d", r)
                            .isNotEqualTo(spoilt.contains(r));
                }
            }
        }
    }

    /** Nor does an activation lose one. */
    @Test
    void whatIsNoNumberStaysNone() {
        assumeOwnKernels();
        Linear layer = layer(32, 64, Precision.INT8);
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        NDArray norm = narrow(normal(64), 64);
        for (int kind = 0; kind < KINDS; kind++) {
            int columns = kind == SILU_GATE ? 128 : 64;
            float[] numbers = normal(2 * columns);
            numbers[columns + 40] = Float.NaN;
            NDArray x = narrow(numbers, 2, columns);
            double[][] y = matrix(apply(x, layer, none, norm, norm, kind, true), 2, 32);
            assertThat(y[0]).as("kind %d", kind).doesNotContain(Double.NaN);
            assertThat(y[1]).as("kind %d", kind).containsOnly(Double.NaN);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT4", "BFLOAT16"})
    void threadsDoNotChangeANumber(Precision precision) {
        assumeOwnKernels(precision);
        Linear layer = layer(320, 512, precision);
        NDArray x = narrow(normal(300 * 512), 300, 512);
        double[][] expected = matrix(apply(x, layer), 300, 320);
        try {
            for (int threads : new int[] {1, 3, 7}) {
                NativeKernels.useThreads(threads);
                assertThat(matrix(apply(x, layer), 300, 320)).isDeepEqualTo(expected);
            }
        } finally {
            NativeKernels.useThreads(TorchRuntime.current().threads());
        }
    }

    /** So an answer does not depend on the answers that are given beside it. */
    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT4", "BFLOAT16"})
    void aRowDoesNotDependOnTheRowsBesideIt(Precision precision) {
        assumeOwnKernels(precision);
        Linear layer = layer(80, 2144, precision);
        float[] numbers = normal(FEW * 2144);
        double[][] together = matrix(apply(narrow(numbers, FEW, 2144), layer), FEW, 80);
        for (int r = 0; r < FEW; r++) {
            float[] row = Arrays.copyOfRange(numbers, r * 2144, (r + 1) * 2144);
            double[][] alone = matrix(apply(narrow(row, 1, 2144), layer), 1, 80);
            assertThat(alone[0]).as("row %d", r).isEqualTo(together[r]);
        }
    }

    /** Blocks of 32 rows too, which begin anew with each sequence. */
    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT4", "BFLOAT16"})
    void aSequenceDoesNotDependOnTheOnesBesideIt(Precision precision) {
        assumeOwnKernels(precision);
        Linear layer = layer(80, 96, precision);
        long[] lengths = {1, 70, 0, 32, 5, 1, 33, 300};
        int rows = (int) Arrays.stream(lengths).sum();
        float[] numbers = normal(rows * 96);
        double[][] together = matrix(apply(narrow(numbers, rows, 96), layer, lengths), rows, 80);
        int start = 0;
        for (long length : lengths) {
            int end = start + (int) length;
            if (length > 0) {
                NDArray own = narrow(Arrays.copyOfRange(numbers, start * 96, end * 96), length, 96);
                assertThat(matrix(apply(own, layer), (int) length, 80))
                        .as("rows %d to %d", start, end)
                        .isDeepEqualTo(Arrays.copyOfRange(together, start, end));
            }
            start = end;
        }
    }

    @Test
    void lengthsThatAreNotThoseOfTheRowsAreRefused() {
        assumeOwnKernels(Precision.BFLOAT16);
        Linear layer = layer(32, 64, Precision.BFLOAT16);
        NDArray x = narrow(normal(5 * 64), 5, 64);
        assertThat(apply(x, layer, 2, 3).getShape()).isEqualTo(new Shape(5, 32));
        for (long[] lengths : new long[][] {{2, 2}, {3, 3}, {-1, 6}, {6, -1}, {5, 1L << 62}}) {
            assertThatThrownBy(() -> apply(x, layer, lengths)).isInstanceOf(EngineException.class);
        }
    }

    /** Two or three weights in their own places are as one: norm before, biases behind. */
    @ParameterizedTest
    @CsvSource({"1, 40, 33, 0", "7, 64, 5, 70", "70, 32, 31, 1"})
    void layersOfOneInputStandBehindOneAnother(int rows, int first, int second, int third) {
        assumeOwnKernels(Precision.BFLOAT16);
        int inputs = 100;
        int count = third == 0 ? 2 : 3;
        List<Linear> layers =
                List.of(first, second, Math.max(third, 1)).subList(0, count).stream()
                        .map(n -> biased(n, inputs))
                        .toList();
        NDArray x = narrow(normal(rows * inputs), rows, inputs);
        NDArray norm = narrow(normal(inputs), inputs);
        NDArray normBias = narrow(normal(inputs), inputs);
        List<NDArray> operands = Linear.operands(List.of(), layers);
        int form = layers.get(0).form().ordinal();
        for (int kind : new int[] {RMS_NORM, LAYER_NORM}) {
            Object[] arguments = {
                x, operands, 0, form, count, norm, normBias, kind, EPSILON, NO_LENGTHS
            };
            double[][] found =
                    matrix(
                            kernels.call(scope, "native_joined", arguments),
                            rows,
                            first + second + third);
            NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            int at = 0;
            for (Linear layer : layers) {
                int outputs = Math.toIntExact(layer.weight().getShape().get(0));
                double[][] alone =
                        matrix(apply(x, layer, none, norm, normBias, kind, false), rows, outputs);
                for (int r = 0; r < rows; r++) {
                    assertThat(Arrays.copyOfRange(found[r], at, at + outputs))
                            .as("row %d from %d on", r, at)
                            .isEqualTo(alone[r]);
                }
                at += outputs;
            }
        }
    }

    /** A mapped weight may end where the memory of the process does. */
    @ParameterizedTest
    @CsvSource({"1, 1024, 100", "7, 1024, 100", "40, 1024, 100", "9, 2, 1024", "40, 33, 2048"})
    void nothingIsReadBehindAWeight(int rows, int outputs, int inputs) {
        assumeOwnKernels(Precision.BFLOAT16);
        int page = 4096;
        int bytes = outputs * inputs * 2;
        assertThat(bytes % page).isZero();
        NativeLibrary c = NativeLibrary.getInstance("c");
        Object[] mapping = {null, (long) bytes + page, 3, 0x22, -1, 0L}; // private, anonymous
        Pointer memory = c.getFunction("mmap").invokePointer(mapping);
        try {
            Pointer guard = memory.share(bytes);
            assertThat(c.getFunction("mprotect").invokeInt(new Object[] {guard, (long) page, 0}))
                    .isZero();
            ByteBuffer buffer = memory.getByteBuffer(0, bytes).order(ByteOrder.LITTLE_ENDIAN);
            float[] numbers = normal(outputs * inputs);
            for (int i = 0; i < numbers.length; i++) {
                buffer.putShort(2 * i, (short) (Float.floatToIntBits(numbers[i]) >>> 16));
            }
            StoredTensor stored =
                    new StoredTensor(
                            "edge", ElementType.BFLOAT16, new Shape(outputs, inputs), buffer);
            NDArray edge = kernels.load(scope, stored, FloatType.BFLOAT16);
            NDArray copy = kernels.concatenate(scope, List.of(edge), 0);
            NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            NDArray x = narrow(normal(rows * inputs), rows, inputs);
            double[][][] y = new double[2][][];
            for (int i = 0; i < 2; i++) {
                NDArray weight = i == 0 ? edge : copy;
                Linear layer = linears.linear(scope, weight, none, Precision.BFLOAT16, false);
                y[i] = matrix(linears.apply(scope, x, layer), rows, outputs);
            }
            assertThat(y[0]).isDeepEqualTo(y[1]);
        } finally {
            close();
            c.getFunction("munmap").invokeInt(new Object[] {memory, (long) bytes + page});
            load(); // for what closes them behind each test
        }
    }

    /** A layer that was packed for these kernels is nothing to a program without them. */
    @Test
    void aProgramWithoutThemRefusesTheirLayers() {
        assumeOwnKernels();
        Linear layer = layer(8, 8, Precision.INT8);
        NDArray x = narrow(normal(8), 1, 8);
        try (Kernels plain = TestKernels.ofLibtorch()) {
            assertThatThrownBy(() -> new LinearKernels(plain).apply(scope, x, layer))
                    .isInstanceOf(EngineException.class);
        }
    }

    /** What does not fit is refused by an exception, not by the end of the process. */
    @Test
    void operandsThatDoNotFitAreRefused() {
        assumeOwnKernels();
        Linear layer = layer(32, 64, Precision.INT8);
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        NDArray x = narrow(normal(2 * 64), 2, 64);
        assertThat(apply(x, layer, none, none, none, 0, true).getShape())
                .isEqualTo(new Shape(2, 32));
        NDArray narrower = narrow(normal(2 * 60), 2, 60);
        NDArray wide = array(normal(2 * 64), 2, 64);
        NDArray other = narrow(normal(31), 31);
        assertRefused(narrower, layer, none, none, 0);
        assertRefused(wide, layer, none, none, 0);
        assertRefused(x, layer, narrow(normal(64), 1, 64), none, 0);
        assertRefused(x, layer, none, other, 1);
        assertRefused(x, layer, none, none, 2);
        for (int kind : new int[] {-1, RMS_NORM, LAYER_NORM, KINDS}) {
            assertRefused(x, layer, none, none, kind);
        }
        Linear wrong = new Linear(layer.form(), layer.weight(), other, layer.scales(), none);
        assertRefused(x, wrong, none, none, 0);
        Linear fewer = new Linear(layer.form(), layer.weight(), none, array(normal(31), 31), none);
        assertRefused(x, fewer, none, none, 0);
        Linear mixed = new Linear(Linear.Form.INT4_NATIVE, layer.weight(), none, none, none);
        assertRefused(x, mixed, none, none, 0);
    }

    private void assertRefused(NDArray x, Linear layer, NDArray residual, NDArray norm, int kind) {
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        assertThatThrownBy(() -> apply(x, layer, residual, norm, none, kind, true))
                .isInstanceOf(EngineException.class);
    }

    /** Of random weights, without a bias. */
    private Linear layer(int outputs, int inputs, Precision precision) {
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        return layer(outputs, inputs, precision, none);
    }

    private Linear biased(int outputs, int inputs) {
        return layer(outputs, inputs, Precision.BFLOAT16, narrow(normal(outputs), outputs));
    }

    private Linear layer(int outputs, int inputs, Precision precision, NDArray bias) {
        NDArray weight = narrow(normal(outputs * inputs), outputs, inputs);
        return linears.linear(scope, weight, bias, precision, true);
    }

    /** In float32, in which every bit is seen. */
    private NDArray apply(NDArray x, Linear layer, long... lengths) {
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        return apply(x, layer, none, none, none, AS_IT_IS, true, lengths);
    }

    private NDArray apply(
            NDArray x,
            Linear layer,
            NDArray residual,
            NDArray norm,
            NDArray normBias,
            int kind,
            boolean wide,
            long... lengths) {
        List<NDArray> operands = Linear.operands(List.of(), List.of(layer));
        return kernels.call(
                scope,
                "native_linear",
                x,
                operands,
                0,
                layer.form().ordinal(),
                residual,
                norm,
                normBias,
                kind,
                EPSILON,
                wide,
                lengths);
    }

    /** Rows as they are multiplied, but for their rounding. */
    private static double[][] prepared(double[][] x, int kind, double[] norm, double[] normBias) {
        double[][] y = new double[x.length][];
        for (int r = 0; r < x.length; r++) {
            int inputs = kind == SILU_GATE ? x[r].length / 2 : x[r].length;
            double mean = Arrays.stream(x[r]).sum() / inputs;
            double squares = Arrays.stream(x[r]).map(v -> v * v).sum() / inputs;
            double[] row = new double[inputs];
            for (int k = 0; k < inputs; k++) {
                double v = x[r][k];
                row[k] =
                        switch (kind) {
                            case AS_IT_IS -> v;
                            case RMS_NORM -> v / Math.sqrt(squares + EPSILON) * norm[k];
                            case SILU_GATE -> v / (1 + Math.exp(-v)) * x[r][inputs + k];
                            case LAYER_NORM ->
                                    (v - mean)
                                                    / Math.sqrt(squares - mean * mean + EPSILON)
                                                    * norm[k]
                                            + normBias[k];
                            default -> activation(kind, v);
                        };
            }
            y[r] = row;
        }
        return y;
    }

    private static double activation(int kind, double v) {
        return switch (kind) {
            case 4 -> v / (1 + Math.exp(-1.702 * v));
            case 5 -> v / 2 * (1 + erf(v / Math.sqrt(2)));
            case 6 -> v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)));
            case 7 -> Math.max(0, v);
            default -> v / (1 + Math.exp(-v));
        };
    }

    /** By its series, for arguments of a few. */
    private static double erf(double x) {
        double sum = x;
        double term = x;
        for (int n = 1; n < 200; n++) {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.sqrt(Math.PI) * sum;
    }

    /** As the operators quantise them: 127 levels from zero to a row's greatest. */
    private static double[][] quantised(double[][] x) {
        double[][] y = new double[x.length][];
        for (int r = 0; r < x.length; r++) {
            // In float32, as the operator: a number in the middle between two levels is no rare
            // thing.
            float greatest = (float) Arrays.stream(x[r]).map(Math::abs).max().orElseThrow();
            float inverse = greatest > 0 ? 127 / greatest : 0;
            double step = greatest / 127;
            y[r] = Arrays.stream(x[r]).map(v -> Math.rint((float) v * inverse) * step).toArray();
        }
        return y;
    }

    private static double[][] product(double[][] x, double[][] weight) {
        double[][] y = new double[x.length][weight.length];
        for (int r = 0; r < x.length; r++) {
            for (int n = 0; n < weight.length; n++) {
                for (int k = 0; k < x[r].length; k++) {
                    y[r][n] += x[r][k] * weight[n][k];
                }
            }
        }
        return y;
    }

    private static double greatest(double[][] y) {
        return Arrays.stream(y).flatMapToDouble(Arrays::stream).map(Math::abs).max().orElseThrow();
    }
}
