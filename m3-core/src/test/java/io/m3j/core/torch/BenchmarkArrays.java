package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** Kernels with random arrays, for the benchmarks of this package. */
final class BenchmarkArrays implements AutoCloseable {

    private static final double DEVIATION = 0.02;

    private final Random random = new Random(1);
    private final Kernels kernels = Kernels.load(Device.cpu());
    private final LinearKernels linears = new LinearKernels(kernels);
    private final NDManager manager = kernels.newManager();
    private final Precision precision;
    private final boolean packing;

    /**
     * @param precision of layers; arrays have its type of activations
     * @param packing whether bfloat16 layers are packed too, as in the tower
     */
    BenchmarkArrays(Precision precision, boolean packing) {
        this.precision = precision;
        this.packing = packing;
    }

    Kernels kernels() {
        return kernels;
    }

    LinearKernels linears() {
        return linears;
    }

    /** Whether layers of one input are joined. */
    boolean fuses() {
        return linears.packs(precision, packing);
    }

    NDArray random(long... shape) {
        Shape sizes = new Shape(shape);
        int bytes = Math.toIntExact(sizes.size() * ElementType.BFLOAT16.bytes());
        ByteBuffer numbers = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (numbers.hasRemaining()) {
            float number = (float) (DEVIATION * random.nextGaussian());
            numbers.putShort((short) (Float.floatToIntBits(number) >>> 16));
        }
        StoredTensor stored =
                new StoredTensor("random", ElementType.BFLOAT16, sizes, numbers.flip());
        return kernels.load(manager, stored, precision.activations());
    }

    Linear linear(long inputs, long outputs) {
        NDArray bias = kernels.zeros(manager, precision.activations(), 0);
        return linears.linear(manager, random(outputs, inputs), bias, precision, packing);
    }

    /** One layer where the precision joins them, else one for each. */
    Linear[] linears(long inputs, long... outputs) {
        return fuses()
                ? new Linear[] {linear(inputs, Arrays.stream(outputs).sum())}
                : Arrays.stream(outputs).mapToObj(o -> linear(inputs, o)).toArray(Linear[]::new);
    }

    /** For the results of one call. */
    NDManager scope() {
        return manager.newSubManager();
    }

    @Override
    public void close() {
        kernels.close();
    }
}
