package io.m3j.core.torch;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** How every benchmark of kernels is run, and the arrays that it has. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public abstract class KernelBenchmark {

    static final double EPSILON = 1e-5;

    private BenchmarkArrays arrays;

    /** To be called first in each set-up, once its parameters are there. */
    final BenchmarkArrays open(Precision precision, boolean packing) {
        arrays = new BenchmarkArrays(precision, packing);
        return arrays;
    }

    final BenchmarkArrays arrays() {
        return arrays;
    }

    /** Frees all arrays. */
    @TearDown
    public final void close() {
        arrays.close();
    }
}
