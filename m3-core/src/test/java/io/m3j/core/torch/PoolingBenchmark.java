package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.Scale;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** From LLaVA-1.5-7B's 576 visual tokens to each coarser scale. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class PoolingBenchmark {

    private static final Ladder LADDER = Ladder.ofGrid(24);
    private static final int DECODER_WIDTH = 4096;

    /** The scales of the ladder that are pooled. */
    @Param({"1", "9", "36", "144"})
    public int scale;

    private BenchmarkArrays arrays;
    private NDArray tokens;

    @Setup
    public void open() {
        arrays = new BenchmarkArrays(Precision.FLOAT32, false);
        tokens = arrays.random(1, LADDER.finest().tokens(), DECODER_WIDTH);
    }

    @TearDown
    public void close() {
        arrays.close();
    }

    @Benchmark
    public void average() {
        try (NDManager scope = arrays.scope()) {
            arrays.kernels().poolAverage(scope, tokens, LADDER, Scale.of(scale));
        }
    }
}
