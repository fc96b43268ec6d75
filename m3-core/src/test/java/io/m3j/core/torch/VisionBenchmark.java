package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** The sublayers of CLIP ViT-L/14-336 over one tile, and LLaVA-1.5-7B's projector behind it. */
public class VisionBenchmark extends KernelBenchmark {

    private static final int WIDTH = 1024;
    private static final int INNER = 4096;
    private static final int HEADS = 16;
    private static final int PATCHES = 576;
    private static final int DECODER_WIDTH = 4096;

    /** Those that a tower can have. */
    @Param({"FLOAT32", "BFLOAT16", "INT8"})
    public Precision precision;

    private VisionKernels kernels;
    private Linear.Form form;
    private NDArray x;
    private NDArray patches;
    private List<NDArray> attention;
    private List<NDArray> mlp;
    private List<NDArray> projector;

    @Setup
    public void open() {
        BenchmarkArrays arrays = open(precision, true);
        kernels = new VisionKernels(arrays.kernels());
        x = arrays.random(1, 1 + PATCHES, WIDTH);
        patches = arrays.random(1, PATCHES, WIDTH);
        List<NDArray> norm = List.of(arrays.random(WIDTH), arrays.random(WIDTH));
        Linear qkv = arrays.linear(WIDTH, 3 * WIDTH);
        form = qkv.form();
        attention = Linear.operands(norm, List.of(qkv, arrays.linear(WIDTH, WIDTH)));
        mlp =
                Linear.operands(
                        norm, List.of(arrays.linear(WIDTH, INNER), arrays.linear(INNER, WIDTH)));
        projector =
                Linear.operands(
                        List.of(),
                        List.of(
                                arrays.linear(WIDTH, DECODER_WIDTH),
                                arrays.linear(DECODER_WIDTH, DECODER_WIDTH)));
    }

    @Benchmark
    public void attention() {
        try (NDManager scope = arrays().scope()) {
            kernels.clipAttention(scope, x, attention, form, HEADS, EPSILON);
        }
    }

    @Benchmark
    public void mlp() {
        try (NDManager scope = arrays().scope()) {
            kernels.clipMlp(scope, x, mlp, form, Activation.QUICK_GELU, EPSILON);
        }
    }

    @Benchmark
    public void project() {
        try (NDManager scope = arrays().scope()) {
            kernels.project(scope, patches, projector, form, Activation.GELU);
        }
    }
}
