package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.Scale;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** From LLaVA-1.5-7B's 576 visual tokens to each coarser scale. */
public class PoolingBenchmark extends KernelBenchmark {

    private static final Ladder LADDER = Ladder.ofGrid(24);
    private static final int DECODER_WIDTH = 4096;

    /** The scales of the ladder that are pooled. */
    @Param({"1", "9", "36", "144"})
    public int scale;

    private NDArray tokens;

    @Setup
    public void open() {
        BenchmarkArrays arrays = open(Precision.FLOAT32, false);
        tokens = arrays.random(1, LADDER.finest().tokens(), DECODER_WIDTH);
    }

    @Benchmark
    public void average() {
        try (NDManager scope = arrays().scope()) {
            arrays().kernels().poolAverage(scope, tokens, LADDER, Scale.of(scale));
        }
    }
}
