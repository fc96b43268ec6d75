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
import java.util.List;
import java.util.Random;
import java.util.function.Function;

/**
 * What this machine can do at best, measured with the kernels that models run on: a prefill is bound
 * by the first number, one step of decoding by the second.
 *
 * @param gemmGflops 10⁹ floating-point operations a second of a linear layer over many rows
 * @param readGigabytes 10⁹ bytes of bfloat16 weights read in a second, by linear layers over one row
 */
public record Limits(double gemmGflops, double readGigabytes) {

    private static final int WIDTH = 4096;
    private static final int ROWS = 640;

    /** Of 32 MiB each: 1 GiB together, more than any cache of a processor. */
    private static final int LAYERS = 32;

    private static final int RUNS = 5;
    private static final double DEVIATION = 0.02;

    /**
     * Measures for some seconds, with 1 GiB of weights that are freed again.
     *
     * @param device where to compute
     * @param precision of the linear layer over many rows; that over one row is in bfloat16
     * @return what was measured, best of several runs
     * @throws io.m3j.core.M3Exception if the device cannot compute in the precision
     */
    public static Limits measure(Device device, Precision precision) {
        try (Kernels kernels = Kernels.load(device);
                NDManager manager = kernels.newManager()) {
            StoredTensor weight = random(WIDTH);
            // bfloat16 weights are fastest in one of two forms; the others have one.
            double gemm =
                    Math.max(
                            gemm(kernels, manager, weight, precision, true),
                            gemm(kernels, manager, weight, precision, false));
            return new Limits(gemm, read(kernels, manager, weight));
        }
    }

    private static double gemm(
            Kernels kernels,
            NDManager manager,
            StoredTensor stored,
            Precision precision,
            boolean packing) {
        try (NDManager scope = manager.newSubManager()) {
            FloatType type = precision.activations();
            NDArray bias = kernels.zeros(scope, type, 0);
            NDArray weight = kernels.load(scope, stored, type);
            Linear layer = kernels.linear(scope, weight, bias, precision, packing);
            NDArray x = kernels.load(scope, random(ROWS), type);
            double seconds = seconds(kernels, owner -> kernels.apply(owner, x, layer));
            return 2.0 * ROWS * WIDTH * WIDTH / seconds / 1e9;
        }
    }

    private static double read(Kernels kernels, NDManager manager, StoredTensor stored) {
        try (NDManager scope = manager.newSubManager()) {
            FloatType type = FloatType.BFLOAT16;
            NDArray bias = kernels.zeros(scope, type, 0);
            NDArray weight = kernels.load(scope, stored, type);
            List<Linear> layers = new ArrayList<>();
            for (int i = 0; i < LAYERS; i++) {
                NDArray copy = kernels.convert(scope, weight, type);
                layers.add(kernels.linear(scope, copy, bias, Precision.BFLOAT16, false));
            }
            NDArray row = kernels.load(scope, random(1), type);
            Function<NDManager, NDArray> pass =
                    owner -> {
                        NDArray x = row;
                        for (Linear layer : layers) {
                            x = kernels.apply(owner, x, layer);
                        }
                        return x;
                    };
            return 1.0 * LAYERS * stored.info().byteCount() / seconds(kernels, pass) / 1e9;
        }
    }

    /** The shortest of some runs, after one that pays for what the others find ready. */
    private static double seconds(Kernels kernels, Function<NDManager, NDArray> run) {
        long best = Long.MAX_VALUE;
        for (int i = 0; i <= RUNS; i++) {
            try (NDManager scope = kernels.newManager()) {
                long start = System.nanoTime();
                kernels.await(run.apply(scope));
                long taken = System.nanoTime() - start;
                best = i == 0 ? best : Math.min(best, taken);
            }
        }
        return best / 1e9;
    }

    /** Zeros might be multiplied faster, or lie in one page of memory. */
    private static StoredTensor random(int rows) {
        Random random = new Random(rows);
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(rows * WIDTH * ElementType.BFLOAT16.bytes())
                        .order(ByteOrder.LITTLE_ENDIAN);
        short[] numbers = new short[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            float number = (float) (DEVIATION * random.nextGaussian());
            numbers[i] = (short) (Float.floatToIntBits(number) >>> 16);
        }
        while (bytes.hasRemaining()) {
            bytes.asShortBuffer().put(numbers);
            bytes.position(bytes.position() + WIDTH * ElementType.BFLOAT16.bytes());
        }
        Shape shape = new Shape(rows, WIDTH);
        return new StoredTensor("random", ElementType.BFLOAT16, shape, bytes.flip());
    }
}
