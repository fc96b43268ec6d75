package io.m3j.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Linear;
import io.m3j.core.torch.LinearKernels;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.NativeMemory;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.QuantisedWeight;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The weights of one part of a model under our names, brought from a checkpoint into arrays, each
 * checked against the shape that the configuration promises.
 */
public final class Weights {

    private static final Logger LOGGER = LoggerFactory.getLogger(Weights.class);

    /**
     * Stored bytes of linear layers that were packed, after which freed memory is given back: seldom,
     * since it takes time.
     */
    private static final long GIVEN_BACK_AFTER = 256L << 20;

    private final Kernels kernels;
    private final LinearKernels linears;
    private final NDManager owner;
    private final Checkpoint checkpoint;
    private final Map<String, String> names;
    private final Precision precision;
    private final boolean packing;
    private final boolean mapped;
    private final Runnable onLoaded;

    private long converted;

    /**
     * @param kernels that convert types
     * @param owner owns every array that comes from here
     * @param checkpoint where the tensors are
     * @param names our name of each tensor → the checkpoint's
     * @param precision what linear layers compute in
     * @param packing whether bfloat16 weights are packed too: a copy, for speed
     * @param mapped whether tensors that need no conversion stay where they lie in the file
     * @param onLoaded called after each tensor, for progress
     */
    public Weights(
            Kernels kernels,
            NDManager owner,
            Checkpoint checkpoint,
            Map<String, String> names,
            Precision precision,
            boolean packing,
            boolean mapped,
            Runnable onLoaded) {
        this.kernels = kernels;
        this.linears = new LinearKernels(kernels);
        this.owner = owner;
        this.checkpoint = checkpoint;
        this.names = Map.copyOf(names);
        this.precision = precision;
        this.packing = packing;
        this.mapped = mapped;
        this.onLoaded = onLoaded;
    }

    /**
     * The same weights for layers that all take one form: in the asked precision if it can hold all of
     * them, else in the next one up.
     *
     * @param layers the sizes of all of them
     * @return these weights, or these in the other precision
     */
    public Weights fitting(List<MatrixShape> layers) {
        Precision fitting = precision.fitting(layers);
        if (fitting == precision) {
            return this;
        }
        LOGGER.info(
                "{}: some of the {} linear layers from {} on cannot be {}: {} is used for them",
                checkpoint.path(),
                layers.size(),
                layers.get(0).name(),
                precision.label(),
                fitting.label());
        return new Weights(kernels, owner, checkpoint, names, fitting, packing, mapped, onLoaded);
    }

    /**
     * @return the kernels that these weights were made for
     */
    public Kernels kernels() {
        return kernels;
    }

    /**
     * @return what linear layers compute in
     */
    public Precision precision() {
        return precision;
    }

    /**
     * @param name our name
     * @return whether the checkpoint has it
     */
    public boolean has(String name) {
        return names.containsKey(name);
    }

    /**
     * @param layer our name of a linear layer, without {@code .weight}
     * @return whether the checkpoint holds its levels
     */
    public boolean hasLevels(String layer) {
        String weight = layer + StoredLevels.LEVELS;
        return has(weight) && StoredLevels.are(info(weight));
    }

    /**
     * @param name our name
     * @param shape what the configuration promises; −1 matches any size
     * @return the array
     * @throws M3Exception if the tensor is missing, not floating-point, or of another shape
     */
    public NDArray get(String name, long... shape) {
        return load(owner, checked(name, shape), precision.activations());
    }

    private NDArray load(NDManager destination, TensorInfo tensor, FloatType type) {
        NDArray array;
        if (mapped || destination != owner) {
            array = kernels.load(destination, checkpoint.get(tensor.name()), type);
        } else {
            try (NDManager scope = owner.newSubManager()) {
                NDArray inFile = kernels.load(scope, checkpoint.get(tensor.name()), type);
                array = kernels.convert(owner, inFile, type);
            }
        }
        onLoaded.run();
        return array;
    }

    /**
     * @param name our name of a layer, without {@code .weight} and {@code .bias}
     * @param outputs rows of its weight
     * @param inputs columns of its weight
     * @param biased whether it has a bias by the configuration: one that is missing, or there
     *     against it, is refused
     * @return the layer, in the form of the precision
     * @throws M3Exception as {@link #get}
     */
    public Linear linear(String name, long outputs, long inputs, boolean biased) {
        return joined(List.of(name), new long[] {outputs}, inputs, biased);
    }

    /**
     * Layers of one input, as one layer where that costs nothing: where weights are copied anyway,
     * packed or to a GPU. Where they are used in place, joining them would copy them.
     *
     * @param names our names of the layers
     * @param outputs rows of each weight
     * @param inputs columns of every weight
     * @param biased whether they have biases by the configuration
     * @return one layer, or one for each name
     * @throws M3Exception as {@link #get}
     */
    public List<Linear> fused(List<String> names, long[] outputs, long inputs, boolean biased) {
        if (fuses()) {
            return List.of(joined(names, outputs, inputs, biased));
        }
        List<Linear> layers = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            layers.add(linear(names.get(i), outputs[i], inputs, biased));
        }
        return layers;
    }

    /** Layers of one input as one layer, whose outputs lie behind one another. */
    private Linear joined(List<String> names, long[] outputs, long inputs, boolean biased) {
        List<TensorInfo> tensors = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            tensors.add(matrix(names.get(i), outputs[i], inputs));
        }
        Linear layer = joined(names, tensors, joinedBias(names, outputs, biased));
        if (packs()) {
            giveBack(tensors);
        }
        return layer;
    }

    /** Gives back what conversions have freed, now and then. */
    private void giveBack(List<TensorInfo> tensors) {
        converted += tensors.stream().mapToLong(TensorInfo::byteCount).sum();
        if (converted >= GIVEN_BACK_AFTER) {
            NativeMemory.giveBackFreed();
            converted = 0;
        }
    }

    private Linear joined(List<String> names, List<TensorInfo> tensors, NDArray bias) {
        if (precision.quantises()) {
            return quantised(names, tensors, bias);
        }
        FloatType type = precision.activations();
        if (!packs() && tensors.size() == 1) {
            NDArray weight = matrix(owner, names.get(0), tensors.get(0), type);
            return linears.linear(owner, weight, bias, precision, false);
        }
        try (NDManager scope = owner.newSubManager()) {
            List<NDArray> parts = new ArrayList<>();
            for (int i = 0; i < tensors.size(); i++) {
                parts.add(matrix(scope, names.get(i), tensors.get(i), type));
            }
            NDArray weight =
                    parts.size() == 1
                            ? parts.get(0)
                            : kernels.concatenate(packs() ? scope : owner, parts, 0);
            return linears.linear(owner, weight, bias, precision, packs());
        }
    }

    private NDArray matrix(NDManager destination, String name, TensorInfo tensor, FloatType type) {
        if (tensor.type().isFloating()) {
            return load(destination, tensor, type);
        }
        try (NDManager scope = owner.newSubManager()) {
            return linears.dequantise(destination, levels(scope, name, tensor), type);
        }
    }

    /** Rows are rounded one by one, so it makes no difference whether layers are joined before. */
    private Linear quantised(List<String> names, List<TensorInfo> tensors, NDArray bias) {
        try (NDManager scope = owner.newSubManager()) {
            List<QuantisedWeight> parts = new ArrayList<>();
            for (int i = 0; i < tensors.size(); i++) {
                TensorInfo tensor = tensors.get(i);
                parts.add(
                        tensor.type().isFloating()
                                ? rounded(scope, tensor)
                                : levels(scope, names.get(i), tensor));
            }
            return linears.pack(owner, linears.concatenate(scope, parts), bias);
        }
    }

    private QuantisedWeight rounded(NDManager destination, TensorInfo tensor) {
        try (NDManager scope = owner.newSubManager()) {
            NDArray weight = load(scope, tensor, FloatType.holding(tensor.type()));
            return linears.quantise(destination, weight, precision);
        }
    }

    private QuantisedWeight levels(NDManager destination, String name, TensorInfo tensor) {
        Precision stored = StoredLevels.precision(tensor);
        if (precision.quantises() && precision != stored) {
            throw new M3Exception(
                    checkpoint.path()
                            + ": tensor "
                            + tensor.name()
                            + ": expected weights or "
                            + precision.label()
                            + " levels, found "
                            + stored.label()
                            + " levels, and what was rounded once is not rounded again");
        }
        NDArray levels = kernels.load(destination, checkpoint.get(tensor.name()));
        List<NDArray> scales = new ArrayList<>();
        for (TensorInfo part : StoredLevels.scales(stored, tensor)) {
            String ours = name + part.name().substring(part.name().lastIndexOf('.'));
            TensorInfo found = checked(ours, part.shape().getShape());
            scales.add(load(destination, found, FloatType.holding(part.type())));
        }
        onLoaded.run();
        return new QuantisedWeight(stored, levels, scales);
    }

    private NDArray joinedBias(List<String> names, long[] outputs, boolean wanted) {
        List<NDArray> parts = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            String bias = names.get(i) + ".bias";
            if (wanted) {
                parts.add(get(bias, outputs[i]));
            } else if (has(bias)) {
                throw new M3Exception(
                        checkpoint.path()
                                + ": tensor "
                                + info(bias).name()
                                + ": expected no bias by config.json (attention_bias, mlp_bias,"
                                + " multimodal_projector_bias); which of the two is right?");
            }
        }
        if (parts.isEmpty()) {
            return kernels.zeros(owner, precision.activations(), 0);
        }
        return parts.size() == 1 ? parts.get(0) : kernels.concatenate(owner, parts, 0);
    }

    /**
     * @return whether a copy of each weight is made anyway, and so {@link #fused} gives one layer
     */
    public boolean fuses() {
        return packs() || !mapped || kernels.device().isGpu();
    }

    private boolean packs() {
        return linears.packs(precision, packing);
    }

    /**
     * @param name our name
     * @return what the checkpoint says of the tensor
     * @throws M3Exception if it is missing
     */
    public TensorInfo info(String name) {
        String theirs = names.get(name);
        if (theirs == null) {
            throw new M3Exception(
                    checkpoint.path()
                            + ": tensor "
                            + NameMap.detect(checkpoint.names()).theirs(name)
                            + " is missing; the checkpoint is incomplete or its config.json"
                            + " belongs to another model");
        }
        return checkpoint.info(theirs);
    }

    /** The weight of a linear layer: numbers, or levels. */
    private TensorInfo matrix(String layer, long outputs, long inputs) {
        String name = layer + StoredLevels.LEVELS;
        TensorInfo info = info(name);
        if (StoredLevels.are(info)) {
            long columns = StoredLevels.columns(info, inputs);
            return agreeing(info, outputs, columns);
        }
        return checked(name, outputs, inputs);
    }

    private TensorInfo checked(String name, long... shape) {
        TensorInfo info = agreeing(info(name), shape);
        if (!info.type().isFloating()) {
            throw new M3Exception(
                    checkpoint.path()
                            + ": tensor "
                            + info.name()
                            + ": expected floating-point numbers, found "
                            + info.type().safetensorsName());
        }
        return info;
    }

    private TensorInfo agreeing(TensorInfo info, long... shape) {
        boolean agrees = info.shape().dimension() == shape.length;
        for (int i = 0; agrees && i < shape.length; i++) {
            agrees = shape[i] == -1 || shape[i] == info.shape().get(i);
        }
        if (!agrees) {
            throw new M3Exception(
                    checkpoint.path()
                            + ": tensor "
                            + info.name()
                            + ": expected shape "
                            + new Shape(shape)
                            + " by config.json, found "
                            + info.shape());
        }
        return info;
    }
}
