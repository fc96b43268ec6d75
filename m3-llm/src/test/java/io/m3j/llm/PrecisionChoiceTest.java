package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.Processor;
import io.m3j.core.weights.ElementType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecisionChoiceTest {

    @ParameterizedTest
    @CsvSource({
        // asked, quantised, stored, millions of weights, GPU, features → precision, reason
        "INT8,   , FLOAT32,  7000, false, '',               INT8,     asked for",
        "FLOAT32, INT4, UINT8, 7000, false, 'avx512_bf16',  FLOAT32,  asked for",
        ",   INT4, UINT8,    7000, false, '',               INT4,     quantised so",
        ",   INT8, INT8,        1, false, '',               INT8,     quantised so",
        ",   INT8, INT8,     7000, true,  'sm_90',          INT8,     quantised so",
        ",   INT8, INT8,     7000, true,  'sm_75',          INT8,     quantised so",
        ",       , FLOAT32,  7000, false, 'avx512_bf16',    FLOAT32,  stored in float32",
        ",       , BFLOAT16, 7000, false, 'sse avx512_bf16', BFLOAT16, computes in bfloat16",
        ",       , BFLOAT16, 7000, false, 'amx_bf16',       BFLOAT16, computes in bfloat16",
        ",       , FLOAT16,  7000, false, 'asimd bf16',     BFLOAT16, stored in float16",
        ",       , FLOAT16,  7000, false, 'avx2 avx512f',   FLOAT32,  does not compute",
        ",       , FLOAT16,  7000, false, '',               FLOAT32,  does not compute",
        ",       , BFLOAT16,  500, false, 'avx512_bf16',    FLOAT32,  500 million",
        ",       , BFLOAT16,  501, false, 'avx512_bf16',    BFLOAT16, computes in bfloat16",
        ",       , BFLOAT16, 7000, true,  'sm_80',          BFLOAT16, computes in bfloat16",
        ",       , BFLOAT16, 7000, true,  'sm_70',          FLOAT32,  does not compute",
        ",       , BFLOAT16, 7000, true,  'sm_',            FLOAT32,  does not compute",
    })
    void theChoiceFollowsTheCallerThenTheCheckpointThenTheProcessor(
            Precision asked,
            Precision quantised,
            ElementType stored,
            long millions,
            boolean gpu,
            String features,
            Precision expected,
            String reason) {
        PrecisionChoice.Facts facts =
                new PrecisionChoice.Facts(
                        Optional.ofNullable(quantised).map(Quantization::new),
                        stored,
                        millions * 1_000_000);
        Processor processor =
                new Processor(
                        gpu,
                        Arrays.stream(features.split(" "))
                                .filter(word -> !word.isEmpty())
                                .collect(Collectors.toSet()));
        PrecisionChoice choice = PrecisionChoice.of(Optional.ofNullable(asked), facts, processor);
        assertThat(choice.precision()).isEqualTo(expected);
        assertThat(choice.reason()).contains(reason);
    }

    @Test
    void aSmallModelOfBfloat16IsExactAndSaysWhy() {
        try (M3Model model = M3Model.load(Golden.checkpoint("llava-m3-gqa-sharded"))) {
            assertThat(model.precision().precision()).isEqualTo(Precision.FLOAT32);
            assertThat(model.precision().reason()).contains("500 million");
        }
    }
}
