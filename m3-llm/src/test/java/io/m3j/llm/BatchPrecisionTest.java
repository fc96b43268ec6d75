package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Answers made together are those made one by one to the last id, where ids lie so close that the last
 * bit of a logit tells: by kernels of our own, which sum a sequence's numbers in the same order whatever
 * stands beside it.
 */
class BatchPrecisionTest {

    private static final int PREFIX_BYTES = 64 << 20;

    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"BFLOAT16", "INT8", "INT4"})
    void answersTogetherAreThoseAlone(Precision precision) {
        OwnKernels own = OwnKernels.expected();
        assumeThat(precision.quantises() ? own.quantised() : own.bfloat16()).isTrue();
        try (GoldenRequests golden = new GoldenRequests(0, precision)) {
            List<List<Long>> alone = new ArrayList<>();
            for (GoldenRequests.Case prompt : golden.cases) {
                alone.add(
                        golden.model
                                .generate(List.of(prompt.request(GoldenRequests.NEW_TOKENS)))
                                .get(0)
                                .ids());
            }
            BatchOptions options =
                    BatchOptions.builder()
                            .promptRows(300)
                            .maxRunning(golden.cases.size())
                            .prefixBytes(PREFIX_BYTES)
                            .build();
            try (Batch batch = golden.model.newBatch(options)) {
                for (String round : List.of("no beginning is known", "beginnings are known")) {
                    List<Batch.Member> members = new ArrayList<>();
                    for (GoldenRequests.Case prompt : golden.cases) {
                        members.add(
                                batch.join(
                                        golden.model.prepare(
                                                prompt.request(GoldenRequests.NEW_TOKENS))));
                        batch.step();
                    }
                    while (batch.size() > 0) {
                        batch.step();
                    }
                    for (int i = 0; i < members.size(); i++) {
                        assertThat(members.get(i).answer().ids())
                                .as("%s, %s", golden.cases.get(i), round)
                                .isEqualTo(alone.get(i));
                    }
                }
                assertThat(batch.prefixBytes()).isPositive();
            }
        }
    }
}
