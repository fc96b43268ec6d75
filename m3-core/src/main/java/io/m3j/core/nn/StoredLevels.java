package io.m3j.core.nn;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.TensorInfo;
import java.util.List;

/**
 * How a quantised weight stands in a checkpoint: levels in place of {@code X.weight}, and beside them
 * {@code X.weight_scale}, in int4 also {@code X.weight_offset}, as {@link
 * io.m3j.core.torch.QuantisedWeight} has them.
 */
public final class StoredLevels {

    /** What the name of a layer's levels ends with, as that of a plain weight. */
    public static final String LEVELS = ".weight";

    private static final String SCALE = "_scale";
    private static final String OFFSET = "_offset";

    private StoredLevels() {}

    /**
     * @param tensor the weight of a linear layer
     * @return whether it holds levels
     */
    public static boolean are(TensorInfo tensor) {
        return tensor.type() == ElementType.INT8 || tensor.type() == ElementType.UINT8;
    }

    /**
     * @param levels a tensor of levels
     * @return their precision
     */
    public static Precision precision(TensorInfo levels) {
        return levels.type() == ElementType.INT8 ? Precision.INT8 : Precision.INT4;
    }

    /**
     * @param levels a tensor of levels
     * @param inputs columns of the weight
     * @return columns of the levels
     */
    static long columns(TensorInfo levels, long inputs) {
        return levels.type() == ElementType.INT8 ? inputs : inputs / 2;
    }

    /**
     * @param tensor levels or plain weights
     * @return how many weights they stand for
     */
    public static long weights(TensorInfo tensor) {
        long elements = tensor.byteCount() / tensor.type().bytes();
        return tensor.type() == ElementType.UINT8 ? 2 * elements : elements;
    }

    /**
     * @param name of a tensor
     * @return whether it belongs to levels
     */
    public static boolean isScale(String name) {
        return name.endsWith(LEVELS + SCALE) || name.endsWith(LEVELS + OFFSET);
    }

    /**
     * @param name of the weight in the checkpoint
     * @param precision to quantise to
     * @param outputs rows of the weight
     * @param inputs columns of the weight
     * @return what is said of its levels
     */
    public static TensorInfo info(String name, Precision precision, long outputs, long inputs) {
        return precision == Precision.INT8
                ? new TensorInfo(name, ElementType.INT8, new Shape(outputs, inputs))
                : new TensorInfo(name, ElementType.UINT8, new Shape(outputs, inputs / 2));
    }

    /**
     * @param precision of the levels
     * @param levels a tensor of levels
     * @return what is said of its scales, in the order of {@code QuantisedWeight.scales()}
     */
    public static List<TensorInfo> scales(Precision precision, TensorInfo levels) {
        long outputs = levels.shape().get(0);
        if (precision == Precision.INT8) {
            Shape shape = new Shape(outputs);
            return List.of(new TensorInfo(levels.name() + SCALE, ElementType.FLOAT32, shape));
        }
        Shape shape = new Shape(outputs, weights(levels) / outputs / Precision.INT4_GROUP);
        return List.of(
                new TensorInfo(levels.name() + SCALE, ElementType.BFLOAT16, shape),
                new TensorInfo(levels.name() + OFFSET, ElementType.BFLOAT16, shape));
    }
}
