package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linear layers of any width, in every precision: what cannot hold them falls back, and says so. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinearFormsTest {

    /** Padded; as they are; in two halves; in whole blocks and what is over (packed_product). */
    private static final long[] ROWS = {1, 5, 71, 150};

    private static final long[] OUTPUTS = {1, 3, 16, 31, 48, 80, 128, 500};
    private static final long[] INPUTS = {1, 31, 32, 33, 64, 96, 160, 257};

    private Kernels kernels;
    private LinearKernels linears;

    @BeforeAll
    void load() {
        kernels = program();
        linears = new LinearKernels(kernels);
    }

    /** What is tested; a subclass has another. */
    Kernels program() {
        return Kernels.load(Device.cpu());
    }

    @AfterAll
    void close() {
        kernels.close();
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void everyWidthIsComputed(Precision asked) {
        for (long outputs : OUTPUTS) {
            for (long inputs : INPUTS) {
                for (long rows : ROWS) {
                    double error = error(asked, outputs, inputs, rows);
                    assertThat(error)
                            .as("%s, %d rows, [%d, %d]", asked, rows, outputs, inputs)
                            .isLessThan(bound(asked));
                }
            }
        }
    }

    /** A mistake in its text would load the slow program instead, and no result would tell. */
    @Test
    void onX86TheProgramOfOneDnnIsLoaded() {
        assumeThat(System.getProperty("os.arch")).isIn("amd64", "x86_64");
        assertThat(kernels.onednn()).isTrue();
    }

    private static double bound(Precision precision) {
        return switch (precision) {
            case FLOAT32 -> 1e-5;
            case BFLOAT16 -> 0.02;
            case INT8 -> 0.08;
            case INT4 -> 0.3;
        };
    }

    /** Root mean square of the differences to the product in Java, relative to it. */
    private double error(Precision asked, long outputs, long inputs, long rows) {
        MatrixShape shape = new MatrixShape("layer", outputs, inputs);
        Precision precision = asked.fitting(List.of(shape));
        FloatType type = precision.activations();
        float[] weight = normal(outputs * inputs);
        float[] x = normal(rows * inputs);
        float[] bias = normal(outputs);
        float[] found;
        try (NDManager scope = kernels.newManager()) {
            NDArray w =
                    kernels.convert(scope, scope.create(weight, new Shape(outputs, inputs)), type);
            NDArray b = kernels.convert(scope, scope.create(bias), type);
            Linear layer = linears.linear(scope, w, b, precision, true);
            NDArray input = kernels.convert(scope, scope.create(x, new Shape(rows, inputs)), type);
            found = kernels.toFloat32(scope, linears.apply(scope, input, layer)).toFloatArray();
        }
        double error = 0;
        double size = 0;
        for (int r = 0; r < rows; r++) {
            for (int o = 0; o < outputs; o++) {
                double sum = bias[o];
                double absolute = Math.abs(bias[o]);
                for (int i = 0; i < inputs; i++) {
                    double product = weight[(int) (o * inputs + i)] * x[(int) (r * inputs + i)];
                    sum += product;
                    absolute += product * product;
                }
                error += Math.pow(found[(int) (r * outputs + o)] - sum, 2);
                size += absolute;
            }
        }
        return Math.sqrt(error / size);
    }

    private static float[] normal(long count) {
        Random random = new Random(count);
        float[] numbers = new float[(int) count];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    /** From 96 rows on, int4 takes another way where the processor has it. */
    @Test
    void manyRowsOfInt4GiveWhatFewGive() {
        try (NDManager scope = kernels.newManager()) {
            NDArray weight = scope.create(normal(128 * 96), new Shape(128, 96));
            NDArray bias = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            Linear layer = linears.linear(scope, weight, bias, Precision.INT4, true);
            NDArray many = scope.create(normal(150 * 96), new Shape(150, 96));
            NDArray few = many.get("0:8");
            float[] together = applied(scope, layer, many);
            float[] alone = applied(scope, layer, few);
            double error = 0;
            double size = 0;
            for (int i = 0; i < alone.length; i++) {
                error += Math.pow(together[i] - alone[i], 2);
                size += Math.pow(alone[i], 2);
            }
            assertThat(Math.sqrt(error / size)).isLessThan(0.01);
        }
    }

    private float[] applied(NDManager scope, Linear layer, NDArray rows) {
        NDArray x = kernels.convert(scope, rows, FloatType.BFLOAT16);
        return kernels.toFloat32(scope, linears.apply(scope, x, layer)).toFloatArray();
    }

    /** Few rows and many are rounded in ways of their own, which must be one to the last bit: batches rely on it. */
    @Test
    void aRowInInt8DoesNotDependOnTheOthers() {
        int rows = 40;
        int inputs = 200;
        try (NDManager scope = kernels.newManager()) {
            NDArray weight = scope.create(normal(128 * inputs), new Shape(128, inputs));
            NDArray bias = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            Linear layer = linears.linear(scope, weight, bias, Precision.INT8, true);
            float[] numbers = normal(rows * inputs);
            for (int i = 0; i < numbers.length; i++) {
                int row = i / inputs;
                numbers[i] *= row == 7 ? 0 : (float) Math.pow(10, row - 20);
            }
            NDArray many = scope.create(numbers, new Shape(rows, inputs));
            float[] together = applied(scope, layer, many);
            for (int row = 0; row < rows; row++) {
                float[] alone = applied(scope, layer, many.get(row + ":" + (row + 1)));
                float[] among = Arrays.copyOfRange(together, row * 128, row * 128 + 128);
                for (int i = 0; i < among.length; i++) {
                    // As numbers: a zero row's results are zeros of either sign.
                    assertThat(alone[i] == among[i]).as("row %d, %d", row, i).isTrue();
                }
            }
        }
    }

    /** A row of zeros has no greatest number to scale by. */
    @Test
    void zerosStayZerosInInt8() {
        try (NDManager scope = kernels.newManager()) {
            NDArray weight = scope.create(normal(16 * 64), new Shape(16, 64));
            NDArray bias = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            Linear layer = linears.linear(scope, weight, bias, Precision.INT8, true);
            NDArray x = kernels.zeros(scope, FloatType.BFLOAT16, 2, 64);
            NDArray y = kernels.toFloat32(scope, linears.apply(scope, x, layer));
            for (float number : y.toFloatArray()) {
                assertThat(number).isZero();
            }
        }
    }

    /**
     * If libtorch takes other sizes one day, or refuses those, this says it. Without AVX-512 it takes some
     * more, as the kernels of our own do, which a checkpoint must not depend on.
     */
    @Test
    void int4HoldsWhatItsOperatorTakes() {
        for (long outputs = 8; outputs <= 80; outputs += 8) {
            for (long inputs = 16; inputs <= 160; inputs += 16) {
                boolean taken = taken(outputs, inputs);
                MatrixShape shape = new MatrixShape("layer", outputs, inputs);
                boolean holds = Precision.INT4.holds(shape);
                boolean more = kernels.own().quantised() || !kernels.onednnBfloat16();
                assertThat(holds || (taken && more))
                        .as("[%d, %d]", outputs, inputs)
                        .isEqualTo(taken);
            }
        }
    }

    private boolean taken(long outputs, long inputs) {
        try (NDManager scope = kernels.newManager()) {
            NDArray weight = scope.ones(new Shape(outputs, inputs));
            NDArray bias = kernels.zeros(scope, FloatType.BFLOAT16, 0);
            Linear layer = linears.linear(scope, weight, bias, Precision.INT4, true);
            linears.apply(scope, kernels.zeros(scope, FloatType.BFLOAT16, 1, inputs), layer);
            return true;
        } catch (ai.djl.engine.EngineException e) {
            return false;
        }
    }

    @Test
    void levelsStandForWeightsWithinHalfAStep() {
        try (NDManager scope = kernels.newManager()) {
            float[] numbers = normal(16 * 64);
            NDArray weight = scope.create(numbers, new Shape(16, 64));
            for (Precision precision : new Precision[] {Precision.INT8, Precision.INT4}) {
                QuantisedWeight levels = linears.quantise(scope, weight, precision);
                float[] back = linears.dequantise(scope, levels, FloatType.FLOAT32).toFloatArray();
                // 127 steps from 0 to the greatest of a row; 15 from the least to the greatest.
                double step = precision == Precision.INT8 ? 4.0 / 127 : 7.0 / 15;
                for (int i = 0; i < back.length; i++) {
                    assertThat((double) back[i])
                            .isCloseTo(
                                    numbers[i], org.assertj.core.data.Offset.offset(0.55 * step));
                }
            }
        }
    }
}
