package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.m3j.core.torch.Precision;
import io.m3j.vision.ClipVisionConfig;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against numbers worked out by hand from the sizes in the models' papers. */
class ModelWorkTest {

    private static ModelWork of(ModelShape shape) {
        return new ModelWork(shape.config(), ClipVisionConfig.LARGE_PATCH14_336);
    }

    @Test
    void theTowerRunsTwentyThreeOfItsLayers() {
        // Patches 2 · 576 · 1024 · 588; a layer 2 · 577 · 12 · 1024² and 4 · 577² · 1024.
        double expected = 693_633_024. + 23 * (14_520_680_448. + 1_363_677_184.);
        assertThat(of(ModelShape.TINYLLAMA_1_1B).towerFlops()).isEqualTo(expected);
        assertThat(expected).isCloseTo(366e9, withinPercentage(0.1));
    }

    @Test
    void theProjectorHasTwoLayersOverTheWholeGrid() {
        assertThat(of(ModelShape.LLAVA_1_5_7B).projectorFlops())
                .isEqualTo(2. * 576 * (1024 * 4096 + 4096 * 4096));
    }

    @Test
    void prefillCountsTheCausalHalfOfAttentionAndOneRowOfTheHead() {
        // TinyLlama: a layer has 2048 · (2048 + 256 + 256 + 2048 + 3 · 5632) = 44,040,192 weights.
        ModelWork work = of(ModelShape.TINYLLAMA_1_1B);
        double linear = 2. * 640 * 22 * 44_040_192;
        double attention = 22 * 4. * 2048 * 205_120;
        double head = 2. * 2048 * 32_000;
        assertThat(work.prefillFlops(640)).isEqualTo(linear + attention + head);
        assertThat(work.prefillFlops(640)).isCloseTo(1.28e12, withinPercentage(0.3));
        assertThat(work.prefillFlops(65)).isCloseTo(126.5e9, withinPercentage(0.1));
    }

    @Test
    void aStepReadsLayersHeadAndCache() {
        ModelWork work = of(ModelShape.TINYLLAMA_1_1B);
        long weights = 22L * 44_040_192 + 2048 * 32_000;
        assertThat(work.decoderWeightBytes(Precision.FLOAT32)).isEqualTo(4. * weights);
        assertThat(work.decoderWeightBytes(Precision.BFLOAT16)).isEqualTo(2. * weights);
        assertThat(work.decoderWeightBytes(Precision.INT8)).isEqualTo(1. * weights);
        assertThat(work.decoderWeightBytes(Precision.INT4)).isEqualTo(0.625 * weights);
        // Four heads of 64 for keys and for values, in 22 layers.
        assertThat(work.cacheBytes(640, Precision.INT8)).isEqualTo(22 * 2 * 4 * 64 * 640 * 2.);
        assertThat(work.cacheBytes(640, Precision.FLOAT32)).isEqualTo(22 * 2 * 4 * 64 * 640 * 4.);
    }

    @Test
    void layersThatInt4DoesNotHoldAreReadInInt8AndTheHeadInInt4(@TempDir Path directory) {
        // Inner width 176, no multiple of a group of 32.
        M3Config config = M3Config.read(OddCheckpoint.write(directory, 800, 64, 176));
        double layers = 2 * 64. * (2 * 64 + 2 * 32 + 3 * 176);
        assertThat(
                        new ModelWork(config, config.vision().orElseThrow())
                                .decoderWeightBytes(Precision.INT4))
                .isEqualTo(layers + 0.625 * 64 * 800);
    }

    @Test
    void theModelInTheBoxHoldsItsLayersInInt4() {
        double layers = 3 * 128. * (4 * 128 + 3 * 256);
        assertThat(of(ModelShape.M3J_TINY).decoderWeightBytes(Precision.INT4))
                .isEqualTo(0.625 * (layers + 128 * 1024));
    }

    @Test
    void theSevenBillionShapeIsKnownByItsSizes() {
        ModelWork work = of(ModelShape.LLAVA_1_5_7B);
        assertThat(work.decoderWeightBytes(Precision.BFLOAT16))
                .isEqualTo(2. * (32L * 4096 * (4 * 4096 + 3 * 11008) + 4096L * 32_000));
        assertThat(work.prefillFlops(640)).isCloseTo(8.4e12, withinPercentage(1));
    }
}
