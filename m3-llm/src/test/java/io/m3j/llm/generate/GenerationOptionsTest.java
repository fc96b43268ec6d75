package io.m3j.llm.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class GenerationOptionsTest {

    @Test
    void theDefaultsAreGreedyAtTheFinestScale() {
        GenerationOptions options = GenerationOptions.builder().build();
        assertThat(options.scale()).isEmpty();
        assertThat(options.temperature()).isZero();
        assertThat(options.maxNewTokens()).isEqualTo(256);
        assertThat(options.repetitionPenalty()).isEqualTo(1);
        assertThat(options.stopStrings()).isEmpty();
    }

    @Test
    void numbersOutOfRangeAreRefusedByName() {
        refused(b -> b.maxNewTokens(0), "maxNewTokens 0");
        refused(b -> b.maxNewTokens(Integer.MIN_VALUE), "maxNewTokens");
        refused(b -> b.temperature(-0.1), "temperature -0.1");
        refused(b -> b.temperature(Double.NaN), "temperature NaN");
        refused(b -> b.temperature(Double.POSITIVE_INFINITY), "temperature Infinity");
        refused(b -> b.topK(-1), "topK -1");
        refused(b -> b.topP(0), "topP 0.0");
        refused(b -> b.topP(1.01), "topP 1.01");
        refused(b -> b.topP(Double.NaN), "topP NaN");
        refused(b -> b.repetitionPenalty(0), "repetitionPenalty 0.0");
        refused(b -> b.repetitionPenalty(-1), "repetitionPenalty");
        refused(b -> b.repetitionPenalty(Double.NaN), "repetitionPenalty");
        refused(b -> b.repetitionPenalty(Double.POSITIVE_INFINITY), "repetitionPenalty");
        refused(b -> b.stopStrings(List.of("a", "")), "stopStrings");
    }

    @Test
    void stopStringsAreCopied() {
        List<String> stops = new ArrayList<>(List.of("a"));
        GenerationOptions options = GenerationOptions.builder().stopStrings(stops).build();
        stops.clear();
        assertThat(options.stopStrings()).containsExactly("a");
    }

    private static void refused(UnaryOperator<GenerationOptions.Builder> settings, String message) {
        GenerationOptions.Builder builder = settings.apply(GenerationOptions.builder());
        assertThatThrownBy(builder::build)
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(message)
                .hasMessageContaining("expected");
    }
}
