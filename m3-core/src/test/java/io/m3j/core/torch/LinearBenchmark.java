package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** One linear layer of TinyLlama-1.1B by precision and rows: one of decoding, many of a prefill. */
public class LinearBenchmark extends KernelBenchmark {

    /** The layers by their inputs and outputs. */
    public enum Layer {
        /** q, k and v joined. */
        QKV(2048, 2560),
        /** Behind attention. */
        OUT(2048, 2048),
        /** gate and up joined. */
        GATE_UP(2048, 11264),
        /** Back to the width. */
        DOWN(5632, 2048),
        /** To the vocabulary. */
        HEAD(2048, 32000);

        private final int inputs;
        private final int outputs;

        Layer(int inputs, int outputs) {
            this.inputs = inputs;
            this.outputs = outputs;
        }
    }

    /** All that there are. */
    @Param public Precision precision;

    /** As the tower has them (true) or the decoder (false). */
    @Param({"false"})
    public boolean packing;

    /** All that there are. */
    @Param public Layer layer;

    /** A step of decoding, the shortest prompt and the longest of m3 bench. */
    @Param({"1", "65", "640"})
    public int rows;

    private Linear linear;
    private NDArray x;

    @Setup
    public void open() {
        BenchmarkArrays arrays = open(precision, packing);
        linear = arrays.linear(layer.inputs, layer.outputs);
        x = arrays.random(rows, layer.inputs);
    }

    @Benchmark
    public void apply() {
        try (NDManager scope = arrays().scope()) {
            arrays().linears().apply(scope, x, linear);
        }
    }
}
