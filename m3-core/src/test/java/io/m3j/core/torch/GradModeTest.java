package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whether gradients are kept is a switch of the calling thread, who finds it as it was. */
class GradModeTest {

    private static final String PROGRAM =
            """
            class Kernels(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool

              def twice(self: __torch__.Kernels, x: Tensor) -> Tensor:
                return torch.add(x, x)

              def fails(self: __torch__.Kernels, x: Tensor) -> Tensor:
                return torch.view(x, [7])
            """;

    private final TorchProgram program = new TorchProgram(Device.cpu(), PROGRAM);

    @AfterEach
    void close() {
        program.close();
    }

    /** On a thread that no kernel ran on before. */
    private void onAFreshThread(Consumer<NDManager> work) throws InterruptedException {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (NDManager scope = program.manager().newSubManager()) {
            thread.submit(() -> work.accept(scope)).get();
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } finally {
            thread.shutdown();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itIsLeftAsItWas(boolean mode) throws InterruptedException {
        onAFreshThread(
                scope -> {
                    NDArray x = scope.ones(new Shape(2));
                    JniUtils.setGradMode(mode);
                    program.call(scope, "twice", x);
                    assertThat(JniUtils.isGradMode()).isEqualTo(mode);
                    assertThatThrownBy(() -> program.call(scope, "fails", x))
                            .isInstanceOf(EngineException.class);
                    assertThat(JniUtils.isGradMode()).isEqualTo(mode);
                    for (boolean gradients : new boolean[] {!mode, mode}) {
                        program.differentiate(scope, gradients, "twice", x);
                        assertThat(JniUtils.isGradMode()).isEqualTo(mode);
                        assertThatThrownBy(
                                        () -> program.differentiate(scope, gradients, "fails", x))
                                .isInstanceOf(EngineException.class);
                        assertThat(JniUtils.isGradMode()).isEqualTo(mode);
                    }
                });
    }

    /** A caller who learns something else: what our kernels compute in between keeps no graph. */
    @Test
    void aKernelAmidSomebodysTrainingDoesNotEndIt() throws InterruptedException {
        onAFreshThread(
                scope -> {
                    JniUtils.setGradMode(true);
                    NDArray weight = scope.ones(new Shape(2));
                    weight.setRequiresGradient(true);
                    NDArray ours = program.call(scope, "twice", weight);
                    assertThat(ours.hasGradient()).isFalse();
                    Gradients.backward(weight.mul(weight).sum());
                    assertThat(Gradients.gradient(scope, weight).orElseThrow().toFloatArray())
                            .containsExactly(2, 2);
                });
    }
}
