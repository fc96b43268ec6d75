package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.TestKernels;
import io.m3j.vision.EncodedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A whole model on a device that is not the CPU, from the files and the picture to the logits: an
 * array that was made on the CPU along the way would be refused.
 */
class FakeDeviceModelTest {

    private static final long[] PROMPT = {1, 462, 404, -200, 474, 31};

    @ParameterizedTest
    @EnumSource(Precision.class)
    void everyStepOfAnAnswerStaysOnTheDevice(Precision precision) {
        try (LoadedParts parts = parts(precision);
                EncodedImage image = parts.encode(M3ModelTest.picture());
                NDManager scope = parts.kernels.newManager()) {
            Shape logits = new Shape(1, parts.decoder().config().vocabularySize());
            for (Scale scale : image.ladder().scales()) {
                NDArray x = parts.fusion.fuse(scope, List.of(image), PROMPT, scale);
                int length = (int) x.getShape().get(0);
                assertThat(length).isEqualTo(PROMPT.length - 1 + scale.tokens());
                try (KvCache cache = parts.decoder().newCache(length + 1)) {
                    NDArray first = parts.decoder().forward(scope, x, cache, true);
                    NDArray next = parts.decoder().embed(scope, 17);
                    NDArray second = parts.decoder().forward(scope, next, cache, true);
                    assertThat(first.getShape()).isEqualTo(logits);
                    assertThat(second.getShape()).isEqualTo(logits);
                }
            }
        }
    }

    /** What the test above is for. */
    @Test
    void embeddingsOnTheCpuAreRefused() {
        try (LoadedParts parts = parts(Precision.FLOAT32);
                NDManager scope = parts.kernels.newManager();
                KvCache cache = parts.decoder().newCache(3)) {
            long width = parts.decoder().config().hiddenSize();
            NDArray onCpu = scope.zeros(new Shape(3, width));
            assertThatThrownBy(() -> parts.decoder().forward(scope, onCpu, cache, true))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining("Expected all tensors to be on the same device");
        }
    }

    private static LoadedParts parts(Precision precision) {
        return new LoadedParts(
                Golden.checkpoint("llava-m3-gqa-sharded"), TestKernels.onFakeDevice(), precision);
    }
}
