package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;

/**
 * What this machine can do at best: a prefill is bound by how fast it multiplies matrices, one step of
 * decoding by how fast it reads memory.
 *
 * <p>Each is measured in several ways, in turns, since no single one is the fastest everywhere: wide,
 * square and tall products with the kernels that models run on, in each form that they have; products
 * of one row, and a plain sum over a large array. A way counts by the median of its turns, as the
 * times of models do, and the fastest way is the limit.
 *
 * @param gemmGflops 10⁹ floating-point operations a second of a linear layer over many rows, by
 *     precision
 * @param sumGigabytes 10⁹ bytes a second of the plain sum
 * @param rowGigabytes 10⁹ bytes a second of the products of one row
 */
public record Limits(Map<Precision, Double> gemmGflops, double sumGigabytes, double rowGigabytes) {

    /** A product of [rows, inputs] with [outputs, inputs]. */
    private record Product(int rows, int inputs, int outputs) {
        double operations() {
            return 2.0 * rows * inputs * outputs;
        }
    }

    /** One of several ways of doing {@code amount} of operations or bytes. */
    private record Way(double amount, Function<NDManager, NDArray> run) {}

    private static final List<Product> PRODUCTS =
            List.of(
                    new Product(640, 4096, 11008),
                    new Product(640, 4096, 4096),
                    new Product(4096, 1024, 1024));

    /** Layers of {@link #READ}, 540 MB together: more than any cache of a processor. */
    private static final int READ_LAYERS = 6;

    private static final Product READ = new Product(1, 4096, 11008);

    private static final int SUMMED = 1 << 27;

    /** Divides the rows of all products. */
    private static final int BLOCK_ROWS = 32;

    private static final int TURNS = 5;
    private static final double DEVIATION = 0.02;

    /** Bytes of memory that {@link #measure} takes. */
    public static final long BYTES = 1400L << 20;

    /** Copies the map. */
    public Limits {
        gemmGflops = Map.copyOf(gemmGflops);
    }

    /**
     * Measures for some seconds, with {@link #BYTES} of memory that are freed again.
     *
     * @param device where to compute
     * @param precisions of the linear layers over many rows
     * @return what was measured
     * @throws io.m3j.core.M3Exception if the device cannot compute in one of the precisions
     */
    public static Limits measure(Device device, Set<Precision> precisions) {
        try (Kernels kernels = Kernels.load(device);
                NDManager manager = kernels.newManager()) {
            Map<Precision, Double> gemm = new EnumMap<>(Precision.class);
            for (Precision precision : precisions) {
                gemm.put(precision, products(kernels, manager, precision));
            }
            try (NDManager scope = manager.newSubManager()) {
                double[] read =
                        medians(
                                kernels,
                                scope,
                                List.of(sum(kernels, scope), rowProducts(kernels, scope)));
                return new Limits(gemm, read[0], read[1]);
            }
        }
    }

    /**
     * @return 10⁹ bytes read in a second, by the faster of both ways
     */
    public double readGigabytes() {
        return Math.max(sumGigabytes, rowGigabytes);
    }

    /**
     * @param later measured in the same run, of the same precisions
     * @return the means of both: what held between them, where the machine's speed drifts
     */
    public Limits mean(Limits later) {
        Map<Precision, Double> means = new EnumMap<>(Precision.class);
        gemmGflops.forEach(
                (precision, rate) ->
                        means.put(precision, (rate + later.gemmGflops.get(precision)) / 2));
        return new Limits(
                means,
                (sumGigabytes + later.sumGigabytes) / 2,
                (rowGigabytes + later.rowGigabytes) / 2);
    }

    private static double products(Kernels kernels, NDManager manager, Precision precision) {
        // oneDNN's bfloat16 weights are faster now in one of two forms, now in the other.
        LinearKernels linears = new LinearKernels(kernels);
        boolean two = precision == Precision.BFLOAT16 && linears.packs(precision, true);
        try (NDManager scope = manager.newSubManager()) {
            List<Way> ways = new ArrayList<>();
            for (Product product : PRODUCTS) {
                ways.add(product(kernels, scope, product, precision, true));
                if (two) {
                    ways.add(product(kernels, scope, product, precision, false));
                }
            }
            return Arrays.stream(medians(kernels, scope, ways)).max().orElseThrow();
        }
    }

    private static Way product(
            Kernels kernels,
            NDManager scope,
            Product product,
            Precision precision,
            boolean packing) {
        FloatType type = precision.activations();
        LinearKernels linears = new LinearKernels(kernels);
        NDArray bias = kernels.zeros(scope, type, 0);
        NDArray x = random(kernels, scope, product.rows(), product.inputs(), type);
        try (NDManager loading = scope.newSubManager()) {
            NDManager owner = linears.packs(precision, packing) ? loading : scope;
            NDArray weight = random(kernels, owner, product.outputs(), product.inputs(), type);
            Linear layer = linears.linear(scope, weight, bias, precision, packing);
            return new Way(product.operations(), here -> linears.apply(here, x, layer));
        }
    }

    private static Way sum(Kernels kernels, NDManager scope) {
        NDArray numbers = kernels.zeros(scope, FloatType.FLOAT32, SUMMED);
        return new Way(
                (double) SUMMED * Float.BYTES,
                owner -> {
                    NDArray sum = numbers.sum();
                    sum.attach(owner);
                    return sum;
                });
    }

    /** The weights of a decoder in bfloat16, as each of its steps reads them. */
    private static Way rowProducts(Kernels kernels, NDManager scope) {
        FloatType type = FloatType.BFLOAT16;
        LinearKernels linears = new LinearKernels(kernels);
        NDArray bias = kernels.zeros(scope, type, 0);
        NDArray x = random(kernels, scope, READ.rows(), READ.inputs(), type);
        List<Linear> layers = new ArrayList<>();
        for (int i = 0; i < READ_LAYERS; i++) {
            NDArray weight = random(kernels, scope, READ.outputs(), READ.inputs(), type);
            layers.add(linears.linear(scope, weight, bias, Precision.BFLOAT16, false));
        }
        double bytes = (double) READ_LAYERS * READ.inputs() * READ.outputs() * type.bytes();
        return new Way(
                bytes,
                owner -> {
                    NDArray last = x;
                    for (Linear layer : layers) {
                        last = linears.apply(owner, x, layer);
                    }
                    return last;
                });
    }

    /** 10⁹ a second of each way: the median of its turns, after one that warms up. */
    private static double[] medians(Kernels kernels, NDManager manager, List<Way> ways) {
        long[][] nanoseconds = new long[ways.size()][TURNS];
        for (int turn = -1; turn < TURNS; turn++) {
            for (int i = 0; i < ways.size(); i++) {
                try (NDManager scope = manager.newSubManager()) {
                    long start = System.nanoTime();
                    kernels.await(ways.get(i).run().apply(scope));
                    nanoseconds[i][Math.max(turn, 0)] = System.nanoTime() - start;
                }
            }
        }
        double[] rates = new double[ways.size()];
        for (int i = 0; i < rates.length; i++) {
            Arrays.sort(nanoseconds[i]);
            rates[i] = ways.get(i).amount() / nanoseconds[i][TURNS / 2];
        }
        return rates;
    }

    /** Zeros might be multiplied faster. One block of random rows, repeated; or one row. */
    private static NDArray random(
            Kernels kernels, NDManager owner, int rows, int width, FloatType type) {
        Random random = new Random(width);
        int height = Math.min(rows, BLOCK_ROWS);
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(height * width * ElementType.BFLOAT16.bytes())
                        .order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            float number = (float) (DEVIATION * random.nextGaussian());
            bytes.putShort((short) (Float.floatToIntBits(number) >>> 16));
        }
        Shape shape = new Shape(height, width);
        try (NDManager scope = owner.newSubManager()) {
            NDArray block =
                    kernels.load(
                            scope,
                            new StoredTensor("random", ElementType.BFLOAT16, shape, bytes.flip()),
                            type);
            return kernels.concatenate(owner, Collections.nCopies(rows / height, block), 0);
        }
    }
}
