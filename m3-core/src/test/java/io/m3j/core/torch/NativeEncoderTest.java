package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The encoder's sublayers by the operators of {@code src/main/c} against the same sublayers by
 * libtorch's, which the golden tests hold to the reference.
 */
class NativeEncoderTest extends NativeOperators {

    private static final int HEADS = 2;
    private static final int WIDTH = 64;
    private static final int INNER = 96;
    private static final double EPSILON = 1e-5;

    /** Relative to a result's root mean square: what roundings on the way may come to. */
    private static final double BFLOAT16_ERROR = 0.01;

    private static final double INT8_ERROR = 0.03;

    private NDArray x;

    @ParameterizedTest
    @CsvSource({"BFLOAT16, 1", "BFLOAT16, 3", "INT8, 1", "INT8, 3"})
    void sublayersAreThoseOfLibtorch(Precision precision, int tiles) {
        assumeOwnKernels(precision);
        x = narrow(normal(tiles * 37 * WIDTH), tiles, 37, WIDTH);
        List<NDArray> norm = List.of(narrow(normal(WIDTH), WIDTH), narrow(normal(WIDTH), WIDTH));
        Parts attention = new Parts(norm, new int[][] {{3 * WIDTH, WIDTH}, {WIDTH, WIDTH}});
        assertSame(
                precision,
                attention,
                (on, layers) ->
                        new VisionKernels(on)
                                .clipAttention(
                                        scope, x, layers.operands, layers.form, HEADS, EPSILON));
        Parts mlp = new Parts(norm, new int[][] {{INNER, WIDTH}, {WIDTH, INNER}});
        Parts projector = new Parts(List.of(), new int[][] {{INNER, WIDTH}, {INNER, INNER}});
        for (Activation activation : Activation.values()) {
            assertSame(
                    precision,
                    mlp,
                    (on, layers) ->
                            new VisionKernels(on)
                                    .clipMlp(
                                            scope,
                                            x,
                                            layers.operands,
                                            layers.form,
                                            activation,
                                            EPSILON));
            assertSame(
                    precision,
                    projector,
                    (on, layers) ->
                            new VisionKernels(on)
                                    .project(scope, x, layers.operands, layers.form, activation));
        }
    }

    /** Where those that are alike differ by some hundredths of their value. */
    @Test
    void everyActivationIsTheOneOfItsName() {
        assumeOwnKernels(Precision.BFLOAT16);
        float[] numbers = new float[WIDTH * WIDTH];
        float[] places = new float[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            numbers[i * WIDTH + i] = 1;
            places[i] = -3 + (float) i / WIDTH;
        }
        x = narrow(places, 1, 1, WIDTH);
        NDArray identity = narrow(numbers, WIDTH, WIDTH);
        NDArray none = kernels.zeros(scope, FloatType.BFLOAT16, 0);
        Parts parts = new Parts(List.of(), List.of(identity, identity), List.of(none, none));
        for (Activation activation : Activation.values()) {
            assertSame(
                    Precision.BFLOAT16,
                    parts,
                    (on, layers) ->
                            new VisionKernels(on)
                                    .project(scope, x, layers.operands, layers.form, activation));
        }
    }

    /** Query, key and value as they lie in a file, apart, are what they are as one layer. */
    @ParameterizedTest
    @CsvSource({"1, true", "3, true", "1, false", "3, false"})
    void layersApartAreAsOne(int tiles, boolean own) {
        assumeOwnKernels(Precision.BFLOAT16);
        x = narrow(normal(tiles * 37 * WIDTH), tiles, 37, WIDTH);
        List<NDArray> norm = List.of(narrow(normal(WIDTH), WIDTH), narrow(normal(WIDTH), WIDTH));
        int[] square = {WIDTH, WIDTH};
        Parts apart = new Parts(norm, new int[][] {square, square, square, square});
        List<NDArray> weights = new ArrayList<>(apart.weights.subList(0, 3));
        List<NDArray> biases = new ArrayList<>(apart.biases.subList(0, 3));
        Parts fused =
                new Parts(
                        norm,
                        List.of(kernels.concatenate(scope, weights, 0), apart.weights.get(3)),
                        List.of(kernels.concatenate(scope, biases, 0), apart.biases.get(3)));
        try (Kernels others = TestKernels.ofLibtorch()) {
            Kernels on = own ? kernels : others;
            double[][] results = new double[2][];
            for (int i = 0; i < 2; i++) {
                Layers layers = (i == 0 ? apart : fused).on(on, scope, Precision.BFLOAT16);
                NDArray y =
                        new VisionKernels(on)
                                .clipAttention(
                                        scope, x, layers.operands, layers.form, HEADS, EPSILON);
                results[i] = vector(y);
            }
            assertThat(error(results[0], results[1])).isLessThan(BFLOAT16_ERROR / 2);
        }
    }

    private void assertSame(
            Precision precision, Parts parts, BiFunction<Kernels, Layers, NDArray> sublayer) {
        double[] found = vector(sublayer.apply(kernels, parts.on(kernels, scope, precision)));
        try (Kernels others = TestKernels.ofLibtorch()) {
            double[] expected = vector(sublayer.apply(others, parts.on(others, scope, precision)));
            double bound = precision == Precision.INT8 ? INT8_ERROR : BFLOAT16_ERROR;
            assertThat(error(found, expected)).isLessThan(bound);
        }
    }

    private static double error(double[] found, double[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        double squares = 0;
        double all = 0;
        for (int i = 0; i < found.length; i++) {
            squares += (found[i] - expected[i]) * (found[i] - expected[i]);
            all += expected[i] * expected[i];
        }
        return all == 0 ? Math.sqrt(squares) : Math.sqrt(squares / all);
    }

    /** Operands of a sublayer, and the form of its layers. */
    private record Layers(List<NDArray> operands, Linear.Form form) {}

    /** Weights and biases of a sublayer, before they are brought into a form. */
    private final class Parts {

        private final List<NDArray> first;
        private final List<NDArray> weights;
        private final List<NDArray> biases;

        Parts(List<NDArray> first, List<NDArray> weights, List<NDArray> biases) {
            this.first = first;
            this.weights = weights;
            this.biases = biases;
        }

        Parts(List<NDArray> first, int[][] shapes) {
            this(first, new ArrayList<>(), new ArrayList<>());
            for (int[] shape : shapes) {
                float[] numbers = normal(shape[0] * shape[1]);
                for (int i = 0; i < numbers.length; i++) {
                    numbers[i] /= (float) Math.sqrt(shape[1]);
                }
                weights.add(narrow(numbers, shape[0], shape[1]));
                biases.add(narrow(normal(shape[0]), shape[0]));
            }
        }

        Layers on(Kernels on, NDManager owner, Precision precision) {
            LinearKernels linears = new LinearKernels(on);
            List<Linear> layers = new ArrayList<>();
            for (int i = 0; i < weights.size(); i++) {
                layers.add(linears.linear(owner, weights.get(i), biases.get(i), precision, true));
            }
            return new Layers(Linear.operands(first, layers), layers.get(0).form());
        }
    }
}
