package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What gradients do on their way through the kernels; their numbers are tested with the model. */
class TrainingKernelsTest {

    @Test
    void gradientsGatherInLeavesUntilTheyAreZeroed() {
        try (TrainingKernels kernels = TrainingKernels.load(Device.cpu());
                NDManager scope = kernels.newManager()) {
            NDArray tokens = parameter(kernels, scope, true, 1, 16, 2);
            for (int times = 1; times <= 2; times++) {
                NDArray coarse =
                        kernels.pool(scope, tokens, Ladder.ofGrid(4), Scale.of(4), Pooling.AVERAGE);
                assertThat(coarse.getShape()).isEqualTo(new Shape(4, 2));
                Gradients.backward(coarse, scope.ones(coarse.getShape()));
                float[] gathered = Gradients.gradient(scope, tokens).orElseThrow().toFloatArray();
                assertThat(gathered).hasSize(32).containsOnly(0.25f * times);
            }
            Gradients.zeroGradient(tokens);
            float[] zeroed = Gradients.gradient(scope, tokens).orElseThrow().toFloatArray();
            assertThat(zeroed).containsOnly(0);
            NDArray fixed = parameter(kernels, scope, false, 1, 16, 2);
            assertThat(Gradients.gradient(scope, fixed)).isEmpty();
        }
    }

    @Test
    void adamwTakesOneStepAsPyTorchDoes() {
        try (TrainingKernels kernels = TrainingKernels.load(Device.cpu());
                NDManager scope = kernels.newManager()) {
            NDArray parameter = scope.create(new float[] {1, 1, 1});
            NDArray gradient = scope.create(new float[] {1e-8f, 1, -4});
            NDArray mean = scope.zeros(new Shape(3));
            NDArray square = scope.zeros(new Shape(3));
            OptimizerKernels.AdamWNumbers numbers =
                    new OptimizerKernels.AdamWNumbers(1, 0, 0.9, 0.999, 1e-8);
            kernels.optimizer()
                    .adamw(
                            List.of(parameter),
                            List.of(gradient),
                            List.of(mean),
                            List.of(square),
                            numbers,
                            1);
            // g / (|g| + eps): the moments' biases cancel.
            assertThat(parameter.toFloatArray())
                    .usingComparatorWithPrecision(1e-5f)
                    .containsExactly(0.5f, 0, 2);
        }
    }

    /** The sum is not formed, in which bfloat16 would round most of a young adapter away. */
    @Test
    void whatAnAdapterAddsIsNotLostBesideItsWeight() {
        try (TrainingKernels kernels = TrainingKernels.load(Device.cpu());
                NDManager scope = kernels.newManager()) {
            NDArray x =
                    scope.create(
                            new float[] {9, 9, 1, -1}, new Shape(1, 2, 2)); // class token first
            NDArray weight = scope.create(new float[] {1, 1}, new Shape(1, 2));
            NDArray down = scope.create(new float[] {1, 0}, new Shape(1, 2));
            NDArray up = scope.create(new float[] {0x1p-8f}, new Shape(1, 1));
            NDArray factor = scope.create(0.25f);
            NDArray nothing = kernels.zeros(scope, new Shape(0));
            NDArray y =
                    kernels.tower()
                            .project(
                                    scope,
                                    x,
                                    List.of(weight, nothing, down, up, factor, nothing),
                                    Activation.GELU,
                                    FloatType.BFLOAT16);
            assertThat(y.toFloatArray()).containsExactly(0x1p-10f);
        }
    }

    private static NDArray parameter(
            TrainingKernels kernels, NDManager owner, boolean learnt, long... sizes) {
        Shape shape = new Shape(sizes);
        FloatBuffer values = FloatBuffer.allocate((int) shape.size());
        return kernels.parameter(owner, values, shape, learnt);
    }
}
