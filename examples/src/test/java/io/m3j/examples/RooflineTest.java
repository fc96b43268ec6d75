package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.m3j.core.Scale;
import io.m3j.core.torch.Limits;
import io.m3j.core.torch.Precision;
import io.m3j.examples.ModelBenchmark.Result;
import io.m3j.examples.ModelBenchmark.Step;
import io.m3j.llm.ModelShape;
import io.m3j.llm.ModelWork;
import io.m3j.vision.ClipVisionConfig;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class RooflineTest {

    private static final Scale COARSE = Scale.of(9);
    private static final Scale FINEST = Scale.of(576);

    private static final ModelWork TINYLLAMA =
            new ModelWork(ModelShape.TINYLLAMA_1_1B.config(), ClipVisionConfig.LARGE_PATCH14_336);

    private static MeasuredLimits limits(Precision precision, Map<Precision, Double> gemm) {
        return new MeasuredLimits(Optional.empty(), new Limits(gemm, 40, 30), precision);
    }

    private static Spread spread(long... milliseconds) {
        return Spread.of(Arrays.stream(milliseconds).mapToObj(Duration::ofMillis).toList());
    }

    @Test
    void aShortPromptIsBoundByReadingALongOneByProducts() {
        MeasuredLimits limits = limits(Precision.BFLOAT16, Map.of(Precision.BFLOAT16, 8000.));
        Roofline roofline = new Roofline(TINYLLAMA, limits);
        // 366 GFLOP of the tower and 7.2 of the projector at 8,000 a second.
        double picture = 46.7;
        assertThat(roofline.tower() + roofline.projector()).isCloseTo(picture, within(0.1));
        // 1,034 million weights of two bytes at 40 GB a second; 73 positions take 18 ms of
        // products.
        assertThat(roofline.timeToFirstToken(COARSE)).isCloseTo(picture + 51.7, within(0.1));
        // 1.277 TFLOP.
        assertThat(roofline.timeToFirstToken(FINEST)).isCloseTo(picture + 159.7, within(0.1));
    }

    @Test
    void whatIsSavedIsHeldAgainstWhatIsPromised() {
        Roofline roofline =
                new Roofline(
                        TINYLLAMA, limits(Precision.BFLOAT16, Map.of(Precision.BFLOAT16, 8000.)));
        Result times =
                new Result(
                        Map.of(Step.ENCODE, spread(60)),
                        new TreeMap<>(Map.of(COARSE, spread(5), FINEST, spread(0))),
                        new TreeMap<>(Map.of(COARSE, spread(85), FINEST, spread(240))));
        Roofline.Saving saving = roofline.saving(times);
        assertThat(saving.from()).isEqualTo(FINEST);
        assertThat(saving.to()).isEqualTo(COARSE);
        assertThat(saving.measured()).isCloseTo(0.5, within(1e-9));
        assertThat(saving.promised()).isCloseTo(1 - 98.4 / 206.4, within(0.001));
        assertThat(saving.fractionOfPromise()).isCloseTo(0.5 / saving.promised(), within(1e-9));
    }

    @Test
    void int4IsHeldAgainstTheFasterOfItsOwnProductAndBfloat16AndItsTowerAgainstInt8() {
        Map<Precision, Double> gemm =
                Map.of(Precision.BFLOAT16, 400., Precision.INT8, 700., Precision.INT4, 150.);
        MeasuredLimits limits = limits(Precision.INT4, gemm);
        assertThat(limits.gemm()).isEqualTo(400);
        assertThat(limits.towerGemm()).isEqualTo(700);
        assertThat(limits(Precision.INT8, gemm).gemm()).isEqualTo(700);
    }

    @Test
    void limitsAreTheMeanOfBeforeAndAfter() {
        Limits first = new Limits(Map.of(Precision.BFLOAT16, 400.), 30, 40);
        Limits second = new Limits(Map.of(Precision.BFLOAT16, 300.), 26, 20);
        MeasuredLimits limits = new MeasuredLimits(Optional.of(first), second, Precision.BFLOAT16);
        assertThat(limits.gemm()).isEqualTo(350);
        assertThat(limits.read()).isEqualTo(30);
        assertThat(limits.both().sumGigabytes()).isEqualTo(28);
    }

    @Test
    void theMedianOfAnEvenNumberIsTheMeanOfTheMiddleTwo() {
        assertThat(spread(9, 1, 4, 2)).isEqualTo(new Spread(3, 1, 9, 4));
        assertThat(spread(9, 1, 4)).isEqualTo(new Spread(4, 1, 9, 3));
        assertThat(Spread.of(List.of(Duration.ofNanos(1_500_000))).median()).isEqualTo(1.5);
    }
}
