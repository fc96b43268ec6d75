package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The operators of {@code src/main/c} against the same arithmetic in Java, number by number. Where the
 * processor has not what they need, only what says so is tested.
 */
class NativeKernelsTest {

    private static final List<String> SOURCES =
            List.of(
                    "kernels.h",
                    "attention.c",
                    "int4.c",
                    "int8.c",
                    "operators.c",
                    "quantise.c",
                    "build.sh");

    private static final boolean BFLOAT16 =
            Processor.of(Device.cpu()).features().contains("avx512_bf16");

    private static final double EPSILON = 1e-5;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private Kernels kernels;
    private LinearKernels linears;
    private NDManager scope;

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

    private void assumeOwnKernels() {
        assumeThat(kernels.ownKernels()).as("AVX-512 with VNNI, on Linux").isTrue();
    }

    @Test
    void theLibraryInTheJarIsTheOneOfTheseSources() throws IOException, NoSuchAlgorithmException {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        for (String source : SOURCES) {
            sha256.update(Files.readAllBytes(Path.of("src/main/c", source)));
        }
        try (InputStream in = NativeKernels.class.getResourceAsStream(NativeKernels.LIBRARY)) {
            assertThat(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1))
                    .as("run sh build.sh in m3-core/src/main/c")
                    .contains("m3j-sources:" + HexFormat.of().formatHex(sha256.digest()));
        }
    }

    @Test
    void whoCanLoadItIsAskedBefore() {
        Processor able =
                new Processor(
                        false,
                        Set.of(
                                "avx512f",
                                "avx512bw",
                                "avx512cd",
                                "avx512dq",
                                "avx512vl",
                                "avx512_vnni"));
        assertThat(NativeKernels.isSupported("Linux", "amd64", able)).isTrue();
        assertThat(NativeKernels.isSupported("Windows 11", "amd64", able)).isFalse();
        assertThat(NativeKernels.isSupported("Mac OS X", "x86_64", able)).isFalse();
        assertThat(NativeKernels.isSupported("Linux", "aarch64", able)).isFalse();
        Processor older = new Processor(false, Set.of("avx512f", "avx512bw", "avx2"));
        assertThat(NativeKernels.isSupported("Linux", "amd64", older)).isFalse();
    }

    @Test
    void theyCanBeSwitchedOff() {
        try (Kernels plain = TestKernels.ofLibtorch()) {
            assertThat(plain.ownKernels()).isFalse();
        }
    }

    /** Every kind of input, odd sizes, and as many rows as take each way through the tiles. */
    @ParameterizedTest
    @CsvSource({
        "INT8, 1, 64, 32", "INT8, 1, 7, 5", "INT8, 2, 36, 33", "INT8, 3, 130, 64",
        "INT8, 13, 64, 70", "INT8, 27, 100, 31", "INT8, 250, 64, 40", "INT8, 2, 4096, 300",
        "INT4, 1, 64, 32", "INT4, 1, 32, 16", "INT4, 2, 96, 48", "INT4, 3, 128, 64",
        "INT4, 13, 64, 80", "INT4, 250, 64, 48", "INT4, 2, 4096, 304"
    })
    void aLayerIsTheProductOfItsLevels(Precision precision, int rows, int inputs, int outputs) {
        assumeOwnKernels();
        float[] numbers = normal(outputs * inputs);
        QuantisedWeight levels =
                linears.quantise(scope, array(numbers, outputs, inputs), precision);
        double[][] weight =
                matrix(linears.dequantise(scope, levels, FloatType.FLOAT32), outputs, inputs);
        NDArray bias = narrow(normal(outputs), outputs);
        NDArray norm = narrow(normal(inputs), inputs);
        NDArray residual = narrow(normal(rows * outputs), rows, outputs);
        Linear layer = linears.pack(scope, levels, bias);
        for (int kind = 0; kind < 3; kind++) {
            int columns = kind == 2 ? 2 * inputs : inputs;
            NDArray x = narrow(normal(rows * columns), rows, columns);
            double[][] quantised = prepared(matrix(x, rows, columns), kind, vector(norm));
            double[][] expected = product(quantised, weight);
            double[] biases = vector(bias);
            double[][] residuals = matrix(residual, rows, outputs);
            double[][] found = matrix(apply(x, layer, residual, norm, kind), rows, outputs);
            NDArray rounded = apply(x, layer, residual, norm, kind, false);
            assertThat(matrix(rounded, rows, outputs))
                    .isDeepEqualTo(matrix(narrow(flat(found), rows, outputs), rows, outputs));
            // Of a row, one level may be the next one, where a number lies in the middle between
            // two.
            double level = greatest(quantised) / 127 * greatest(weight);
            Offset<Double> error = Offset.offset(3.1 * level + 1e-4 * greatest(expected));
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
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT4"})
    void aRowThatIsNoNumberSpoilsNoOther(Precision precision) {
        assumeOwnKernels();
        int rows = 14;
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

    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT4"})
    void threadsDoNotChangeANumber(Precision precision) {
        assumeOwnKernels();
        Linear layer = layer(320, 512, precision);
        NDArray x = narrow(normal(300 * 512), 300, 512);
        double[][] expected = matrix(linears.apply(scope, x, layer), 300, 320);
        try {
            for (int threads : new int[] {1, 3, 7}) {
                NativeKernels.useThreads(threads);
                assertThat(matrix(linears.apply(scope, x, layer), 300, 320))
                        .isDeepEqualTo(expected);
            }
        } finally {
            NativeKernels.useThreads(TorchRuntime.current().threads());
        }
    }

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
        assertThat(apply(x, layer, none, none, 0).getShape()).isEqualTo(new Shape(2, 32));
        NDArray narrower = narrow(normal(2 * 60), 2, 60);
        NDArray wide = array(normal(2 * 64), 2, 64);
        NDArray other = narrow(normal(31), 31);
        assertRefused(narrower, layer, none, none, 0);
        assertRefused(wide, layer, none, none, 0);
        assertRefused(x, layer, narrow(normal(64), 1, 64), none, 0);
        assertRefused(x, layer, none, other, 1);
        assertRefused(x, layer, none, none, 2);
        assertRefused(x, layer, none, none, 3);
        Linear wrong = new Linear(layer.form(), layer.weight(), other, layer.scales(), none);
        assertRefused(x, wrong, none, none, 0);
        Linear fewer = new Linear(layer.form(), layer.weight(), none, array(normal(31), 31), none);
        assertRefused(x, fewer, none, none, 0);
        Linear mixed = new Linear(Linear.Form.INT4_NATIVE, layer.weight(), none, none, none);
        assertRefused(x, mixed, none, none, 0);
    }

    private void assertRefused(NDArray x, Linear layer, NDArray residual, NDArray norm, int kind) {
        assertThatThrownBy(() -> apply(x, layer, residual, norm, kind))
                .isInstanceOf(EngineException.class);
    }

    /** Of random weights, without a bias. */
    private Linear layer(int outputs, int inputs, Precision precision) {
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        NDArray weight = array(normal(outputs * inputs), outputs, inputs);
        return linears.linear(scope, weight, none, precision, true);
    }

    private NDArray apply(NDArray x, Linear layer, NDArray residual, NDArray norm, int kind) {
        return apply(x, layer, residual, norm, kind, true);
    }

    private NDArray apply(
            NDArray x, Linear layer, NDArray residual, NDArray norm, int kind, boolean wide) {
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
                kind,
                EPSILON,
                wide);
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

    /** Rows as the operator quantises them: 127 levels from zero to a row's greatest. */
    private static double[][] prepared(double[][] x, int kind, double[] norm) {
        double[][] y = new double[x.length][];
        for (int r = 0; r < x.length; r++) {
            int inputs = kind == 2 ? x[r].length / 2 : x[r].length;
            double mean = Arrays.stream(x[r]).map(v -> v * v).sum() / inputs + EPSILON;
            double[] row = new double[inputs];
            for (int k = 0; k < inputs; k++) {
                row[k] =
                        switch (kind) {
                            case 1 -> x[r][k] / Math.sqrt(mean) * norm[k];
                            case 2 -> x[r][k] / (1 + Math.exp(-x[r][k])) * x[r][inputs + k];
                            default -> x[r][k];
                        };
            }
            // In float32, as the operator: a number in the middle between two levels is no rare
            // thing.
            float greatest = (float) Arrays.stream(row).map(Math::abs).max().orElseThrow();
            float inverse = 127 / greatest;
            double step = greatest / 127;
            y[r] = Arrays.stream(row).map(v -> Math.rint((float) v * inverse) * step).toArray();
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

    private float[] normal(int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    private static float[] flat(double[][] y) {
        double[] all = Arrays.stream(y).flatMapToDouble(Arrays::stream).toArray();
        float[] numbers = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            numbers[i] = (float) all[i];
        }
        return numbers;
    }

    private NDArray array(float[] numbers, long... shape) {
        return scope.create(numbers, new Shape(shape));
    }

    private NDArray narrow(float[] numbers, long... shape) {
        return kernels.convert(scope, array(numbers, shape), FloatType.BFLOAT16);
    }

    private double[] vector(NDArray x) {
        float[] numbers = kernels.toFloat32(scope, x).toFloatArray();
        double[] y = new double[numbers.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = numbers[i];
        }
        return y;
    }

    private double[][] matrix(NDArray x, int rows, int columns) {
        double[] numbers = vector(x);
        assertThat(numbers).hasSize(rows * columns);
        double[][] y = new double[rows][];
        for (int r = 0; r < rows; r++) {
            y[r] = Arrays.copyOfRange(numbers, r * columns, (r + 1) * columns);
        }
        return y;
    }
}
