package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Precision;
import org.junit.jupiter.api.Test;

/** What a batch of the 7B shape may take of a device. */
class BatchMemoryTest {

    private static final long GIBIBYTE = 1L << 30;

    private static final MemoryPlan PLAN =
            ModelInfo.random(ModelShape.LLAVA_1_5_7B).plans().get(Precision.BFLOAT16);

    private static BatchMemory memory(long free, BatchOptions options) {
        return BatchMemory.of(PLAN, () -> free, options);
    }

    @Test
    void halfOfWhatIsFreeIsForCachesAndAnEighthOfThatForBeginnings() {
        BatchMemory memory = memory(8 * GIBIBYTE, BatchOptions.defaults());
        assertThat(memory.cacheBytes()).isEqualTo(4 * GIBIBYTE);
        assertThat(memory.prefixBytes()).isEqualTo(GIBIBYTE / 2);
    }

    @Test
    void cachesLeaveRoomForThePassBesideThem() {
        BatchOptions manyRows = BatchOptions.builder().promptRows(20_000).build();
        long pass = PLAN.work().prefill(20_032) + PLAN.work().logits(32);
        BatchMemory memory = memory(pass + 1000, manyRows);
        assertThat(memory.cacheBytes()).isEqualTo(1000);
    }

    /** A GPU's memory is not the machine's. */
    @Test
    void onAGpuCachesHaveNoLimitOfTheMachinesMemory() {
        long free = AvailableMemory.bytes(Device.gpu());
        BatchMemory memory = memory(free, BatchOptions.defaults());
        assertThat(memory.cacheBytes()).isEqualTo(Long.MAX_VALUE);
        assertThat(memory.prefixBytes()).as("nobody says how many have room").isZero();
    }

    @Test
    void theCallersWordCounts() {
        BatchOptions options = BatchOptions.builder().cacheBytes(GIBIBYTE).build();
        assertThat(memory(Long.MAX_VALUE, options).cacheBytes()).isEqualTo(GIBIBYTE);
        assertThat(memory(Long.MAX_VALUE, options).prefixBytes()).isEqualTo(GIBIBYTE / 8);
        BatchOptions none = BatchOptions.builder().prefixBytes(0).build();
        assertThat(memory(8 * GIBIBYTE, none).prefixBytes()).isZero();
        assertThat(memory(8 * GIBIBYTE, none).cacheBytes()).isEqualTo(4 * GIBIBYTE);
    }

    @Test
    void withoutFreeMemoryABatchSaysSo() {
        assertThatThrownBy(() -> memory(0, BatchOptions.defaults()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("one pass over 128 rows of prompts and 32 of answers takes")
                .hasMessageContaining("; 0 MiB are free. Free some");
    }

    /** 100,000 rows of 11,008 numbers, three times: more than 6 GiB. */
    @Test
    void moreRowsThanMemoryAreRefusedBeforeAnythingRuns() {
        BatchOptions huge = BatchOptions.builder().promptRows(100_000).build();
        assertThatThrownBy(() -> memory(6 * GIBIBYTE, huge))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("one pass over 100000 rows of prompts")
                .hasMessageContaining("6144 MiB are free")
                .hasMessageContaining("fewer promptRows");
        assertThat(memory(24 * GIBIBYTE, huge).cacheBytes()).isPositive();
        // As many rows as one answer's context has: no more can ever come.
        BatchOptions one =
                BatchOptions.builder().promptRows(Integer.MAX_VALUE).maxRunning(1).build();
        assertThat(memory(6 * GIBIBYTE, one).cacheBytes()).isPositive();
    }
}
