package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** The sublayers of TinyLlama-1.1B: a prefill of many rows, or one row behind 640. */
public class DecoderBenchmark extends KernelBenchmark {

    private static final int WIDTH = 2048;
    private static final int INNER = 5632;
    private static final int HEADS = 32;
    private static final int GROUPS = 4;
    private static final int HEAD_SIZE = 64;
    private static final int VOCABULARY = 32000;
    private static final int BEFORE_ONE_ROW = 640;

    /** All that there are. */
    @Param public Precision precision;

    /** A step of decoding, the shortest prompt and the longest of m3 bench. */
    @Param({"1", "65", "640"})
    public int rows;

    private DecoderKernels kernels;
    private Linear.Form form;
    private NDArray x;
    private NDArray last;
    private NDArray norm;
    private NDArray turns;
    private NDArray keys;
    private NDArray values;
    private List<NDArray> attention;
    private List<NDArray> mlp;
    private List<NDArray> head;
    private long start;

    @Setup
    public void open() {
        BenchmarkArrays arrays = open(precision, false);
        kernels = new DecoderKernels(arrays.kernels());
        start = rows == 1 ? BEFORE_ONE_ROW : 0;
        x = arrays.random(rows, WIDTH);
        last = arrays.random(1, WIDTH);
        norm = arrays.random(WIDTH);
        turns = arrays.random(rows, 1, HEAD_SIZE);
        keys = arrays.random(GROUPS, start + rows, HEAD_SIZE);
        values = arrays.random(GROUPS, start + rows, HEAD_SIZE);
        long grouped = (long) GROUPS * HEAD_SIZE;
        attention = operands(arrays.linears(WIDTH, WIDTH, grouped, grouped), WIDTH, WIDTH);
        mlp = operands(arrays.linears(WIDTH, INNER, INNER), INNER, WIDTH);
        Linear out = arrays.linear(WIDTH, VOCABULARY);
        head = Linear.operands(List.of(norm), List.of(out));
        form = out.form();
    }

    private List<NDArray> operands(Linear[] first, long inputs, long outputs) {
        List<Linear> layers = new ArrayList<>(List.of(first));
        layers.add(arrays().linear(inputs, outputs));
        return Linear.operands(List.of(norm), layers);
    }

    @Benchmark
    public void attention() {
        try (NDManager scope = arrays().scope()) {
            arrays().kernels()
                    .call(
                            scope,
                            "decoder_attention",
                            x,
                            attention,
                            form.ordinal(),
                            arrays().fuses(),
                            turns,
                            turns,
                            List.of(keys),
                            List.of(values),
                            new long[] {start},
                            new long[] {rows},
                            false,
                            HEADS,
                            EPSILON);
        }
    }

    @Benchmark
    public void mlp() {
        try (NDManager scope = arrays().scope()) {
            boolean fused = arrays().fuses();
            arrays().kernels()
                    .call(
                            scope,
                            "decoder_mlp",
                            x,
                            mlp,
                            form.ordinal(),
                            fused,
                            EPSILON,
                            new long[] {rows});
        }
    }

    @Benchmark
    public void norm() {
        try (NDManager scope = arrays().scope()) {
            arrays().kernels().call(scope, "rms_norm", x, norm, EPSILON);
        }
    }

    @Benchmark
    public void logitsOfTheLastRow() {
        try (NDManager scope = arrays().scope()) {
            kernels.logits(scope, last, head, form, EPSILON, new long[] {1});
        }
    }
}
