package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.Scale;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class KernelsTest {

    private static Kernels kernels;

    @BeforeAll
    static void load() {
        kernels = Kernels.load(Device.cpu());
    }

    @AfterAll
    static void close() {
        kernels.close();
    }

    @Test
    void bfloat16BytesAreReadWhereTheyLieAndConvertedExactly() {
        ByteBuffer bytes = ByteBuffer.allocateDirect(6).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putShort((short) 0x3f80).putShort((short) 0xc040).putShort((short) 0x3e80).flip();
        StoredTensor stored = new StoredTensor("t", ElementType.BFLOAT16, new Shape(3), bytes);
        try (NDManager manager = kernels.newManager()) {
            NDArray in = kernels.load(manager, stored, FloatType.BFLOAT16);
            assertThat(kernels.toFloat32(manager, in).toFloatArray())
                    .containsExactly(1f, -3f, 0.25f);
            bytes.putShort(0, (short) 0x4000);
            assertThat(kernels.toFloat32(manager, in).toFloatArray())
                    .as("the array lies over the bytes themselves")
                    .containsExactly(2f, -3f, 0.25f);
            NDArray wide = kernels.load(manager, stored, FloatType.FLOAT32);
            assertThat(wide.toFloatArray()).containsExactly(2f, -3f, 0.25f);
        }
    }

    @Test
    void averagePoolingTakesTheMeanOfEachCell() {
        try (NDManager manager = kernels.newManager()) {
            NDArray tokens = manager.arange(16f).reshape(1, 16, 1);
            NDArray pooled = kernels.poolAverage(manager, tokens, Ladder.ofGrid(4), Scale.of(4));
            assertThat(pooled.toFloatArray()).containsExactly(2.5f, 4.5f, 10.5f, 12.5f);
            assertThat(
                            kernels.poolSpatial(manager, tokens, Ladder.ofGrid(4), Scale.of(4))
                                    .toFloatArray())
                    .containsExactly(0f, 2f, 8f, 10f);
            assertThat(
                            kernels.poolSequential(manager, tokens, Ladder.ofGrid(4), Scale.of(4))
                                    .toFloatArray())
                    .containsExactly(0f, 1f, 2f, 3f);
        }
    }

    /** One row reads a cache whole or in part; two take another path, which masks. */
    @Test
    void attentionOfOneRowDoesNotDependOnTheRoomBehindIt() {
        int seen = 15;
        try (NDManager scope = kernels.newManager()) {
            NDArray q = scope.randomNormal(new Shape(2, 4, 8));
            NDArray keys = scope.randomNormal(new Shape(2, seen, 8));
            NDArray values = scope.randomNormal(new Shape(2, seen, 8));
            float[] two =
                    kernels.call(scope, "attend", q, keys, values, seen - 2)
                            .get("1:2")
                            .toFloatArray();
            for (int empty : new int[] {0, seen, 4 * seen}) {
                NDArray none = kernels.zeros(scope, FloatType.FLOAT32, 2, empty, 8);
                NDArray one =
                        kernels.call(
                                scope,
                                "attend",
                                q.get("1:2"),
                                kernels.concatenate(scope, List.of(keys, none), 1),
                                kernels.concatenate(scope, List.of(values, none), 1),
                                seen - 1);
                assertThat(one.toFloatArray())
                        .as("%d empty", empty)
                        .containsExactly(two, within(1e-5f));
            }
        }
    }

    @Test
    void theFirstNumberIsReadInAnyType() {
        try (NDManager manager = kernels.newManager()) {
            FloatBuffer values = FloatBuffer.wrap(new float[] {2.5f, 3, 4, 5});
            for (FloatType type : FloatType.values()) {
                NDArray x = kernels.array(manager, values, new Shape(2, 2), type);
                int arrays = kernels.managedArrays();
                assertThat(kernels.first(x)).isEqualTo(2.5f);
                assertThat(kernels.managedArrays()).isEqualTo(arrays);
            }
            assertThat(values.remaining()).isEqualTo(4);
        }
    }

    /** Without waiting, the result of the call inside would find its manager closed, or worse. */
    @Test
    void closingWaitsForTheCallThatRuns() throws Exception {
        Kernels own = Kernels.load(Device.cpu());
        NDManager manager = own.newManager();
        NDArray tokens = manager.zeros(new Shape(1, 576, 4096));
        CountDownLatch running = new CountDownLatch(1);
        AtomicReference<RuntimeException> end = new AtomicReference<>();
        Thread caller =
                new Thread(
                        () -> {
                            try {
                                while (true) {
                                    own.poolAverage(manager, tokens, Ladder.ofGrid(24), Scale.of(1))
                                            .close();
                                    running.countDown();
                                }
                            } catch (RuntimeException e) {
                                end.set(e);
                            }
                        });
        caller.start();
        running.await();
        own.close();
        own.close();
        caller.join();
        assertThat(end.get())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the kernels' program was closed");
    }
}
