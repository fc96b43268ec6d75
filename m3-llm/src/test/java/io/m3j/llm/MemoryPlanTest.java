package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryPlanTest {

    @TempDir private Path directory;

    private static Map<Precision, MemoryPlan> plans(String checkpoint) {
        return ModelInfo.read(Golden.checkpoint(checkpoint)).plans();
    }

    /** Most of a 7B model's weights: 32 layers, and a head of 131 million. */
    @Test
    void the7bShapeTakesWhatItsWeightsTakeInEachPrecision() {
        Map<Precision, MemoryPlan> plans = ModelInfo.random(ModelShape.LLAVA_1_5_7B).plans();
        double decoder = 32 * (4 * 4096.0 * 4096 + 3 * 4096.0 * 11008) + 32000 * 4096.0;
        double tower = 23 * 12 * 1024.0 * 1024;
        double projector = 4096 * (1024 + 4096.0);
        double table = 32000 * 4096.0;
        close(plans.get(Precision.FLOAT32).copied(), 4 * (decoder + tower + projector + table));
        MemoryPlan bfloat16 = plans.get(Precision.BFLOAT16);
        if (OwnKernels.expected().bfloat16()) {
            close(bfloat16.mapped(), 2 * (decoder + tower + projector + table));
            assertThat(bfloat16.copied()).isZero();
        } else {
            close(bfloat16.mapped(), 2 * (decoder + table));
            close(bfloat16.copied(), 2 * (tower + projector));
        }
        MemoryPlan int8 = plans.get(Precision.INT8);
        close(int8.copied(), decoder + tower + projector);
        close(int8.mapped(), 2 * table);
        close(plans.get(Precision.INT4).copied(), 0.625 * decoder + tower + projector);
    }

    private static void close(long found, double expected) {
        assertThat((double) found).isBetween(0.98 * expected, 1.02 * expected);
    }

    @Test
    void theCacheCountsEveryPositionOfEveryRequest() {
        MemoryPlan plan = plans("llava-m3").get(Precision.FLOAT32);
        DecoderConfig decoder = ModelInfo.read(Golden.checkpoint("llava-m3")).config().decoder();
        long each = 2L * decoder.layers() * decoder.keyValueHeads() * decoder.headSize() * 4;
        assertThat(plan.cache(100)).isEqualTo(100 * each);
        assertThat(plan.peak(640, 4000, 64) - plan.peak(640, 4000, 63)).isEqualTo(4000 * each);
        assertThat(plans("llava-m3").get(Precision.INT4).cache(100)).isEqualTo(50 * each);
    }

    @Test
    void weightsOfFloat32AreNotUsedInPlaceByBfloat16() {
        // Stored in float32: everything is converted.
        assertThat(plans("llava-m3").get(Precision.BFLOAT16).mapped()).isZero();
        assertThat(plans("llava-m3-gqa-sharded").get(Precision.BFLOAT16).mapped()).isPositive();
    }

    @Test
    void aQuantisedCheckpointHasNoPlanForTheOtherKind() {
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(
                Golden.checkpoint("llava-m3"), Precision.INT8, out, LoadOptions.defaults());
        ModelInfo info = ModelInfo.read(out);
        assertThat(info.plans())
                .containsOnlyKeys(Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8);
        assertThat(info.plans().get(Precision.INT8).copied())
                .isEqualTo(
                        plans("llava-m3").get(Precision.INT8).copied()
                                - info.plans().get(Precision.INT8).mapped());
        assertThat(info.choice().precision()).isEqualTo(Precision.INT8);
    }

    @Test
    void whatDoesNotFitIsRefusedWithTheNumbers() {
        MemoryPlan plan = ModelInfo.random(ModelShape.LLAVA_1_5_7B).plans().get(Precision.INT8);
        long gibibyte = 1L << 30;
        assertThatThrownBy(() -> plan.requireRoomForWeights(4 * gibibyte, "model x"))
                .isInstanceOf(M3Exception.class)
                .hasMessageStartingWith("model x: its weights take 6")
                .hasMessageContaining(" MiB in int8")
                .hasMessageContaining("4096 MiB are free");
        plan.requireRoomForWeights(9 * gibibyte, "model x");
        // 4,096 positions of 32 layers of 2 × 4,096 numbers of 2 bytes: 2 GiB.
        assertThatThrownBy(() -> plan.requireRoomFor(2 * gibibyte, 640, 4096, 1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("a prompt of 640 positions takes 2")
                .hasMessageContaining("2048 MiB of them keys and values")
                .hasMessageContaining("2048 MiB are free");
        plan.requireRoomFor(3 * gibibyte, 640, 4096, 1);
    }

    @Test
    void mappedWeightsCountAsMemoryThatCanBeTakenBack() {
        MemoryPlan plan = ModelInfo.random(ModelShape.LLAVA_1_5_7B).plans().get(Precision.BFLOAT16);
        assertThat(plan.weights()).isGreaterThan(12L << 30);
        plan.requireRoomForWeights(1L << 30, "model x");
    }
}
