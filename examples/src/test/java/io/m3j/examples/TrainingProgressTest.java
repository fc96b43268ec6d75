package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.Scale;
import io.m3j.train.run.TrainingListener.Step;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** What the bar says of a step. */
class TrainingProgressTest {

    private static Step step(Map<Scale, Double> losses, OptionalDouble grounding) {
        return new Step(1, 10, 0.7, losses, grounding, 1, 100, 60);
    }

    @Test
    void aStageThatLearnsWordsUnderPatchesAloneSaysTheirLoss() {
        assertThat(TrainingProgress.losses(step(Map.of(), OptionalDouble.of(1.5))))
                .isEqualTo("grounding:1.500");
    }

    @Test
    void bothStandBesideEachOther() {
        Map<Scale, Double> losses = Map.of(Scale.of(9), 0.25);
        assertThat(TrainingProgress.losses(step(losses, OptionalDouble.of(1.5))))
                .isEqualTo("9:0.250 grounding:1.500");
        assertThat(TrainingProgress.losses(step(losses, OptionalDouble.empty())))
                .isEqualTo("9:0.250");
    }
}
