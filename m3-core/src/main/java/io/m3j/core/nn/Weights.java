package io.m3j.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Linear;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The weights of one part of a model under our names, brought from a checkpoint into arrays, each
 * checked against the shape that the configuration promises.
 */
public final class Weights {

    private static final Logger LOGGER = LoggerFactory.getLogger(Weights.class);

    private final Kernels kernels;
    private final NDManager owner;
    private final Checkpoint checkpoint;
    private final Map<String, String> names;
    private final Precision precision;
    private final boolean packing;
    private final boolean mapped;
    private final Runnable onLoaded;

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
        this.owner = owner;
        this.checkpoint = checkpoint;
        this.names = Map.copyOf(names);
        this.precision = precision;
        this.packing = packing;
        this.mapped = mapped;
        this.onLoaded = onLoaded;
    }

    /**
     * The same weights for a part of a model whose layers all take one form: in the asked precision if
     * it can hold all of them, else in bfloat16.
     *
     * @param inputs columns of the weights of all linear layers of the part
     * @return these weights, or these in bfloat16
     */
    public Weights fitting(long... inputs) {
        Optional<Long> unfit =
                Arrays.stream(inputs).filter(i -> !precision.holds(i)).boxed().findFirst();
        if (unfit.isEmpty()) {
            return this;
        }
        LOGGER.info(
                "{}: layers of {} inputs cannot be {}: bfloat16 is used for their part of the model",
                checkpoint.path(),
                unfit.get(),
                precision.label());
        return new Weights(
                kernels, owner, checkpoint, names, Precision.BFLOAT16, packing, mapped, onLoaded);
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
     * Layers of one input, as one layer where that costs nothing: where weights are packed anyway.
     * Where they are used in place, joining them would copy them.
     *
     * @param names our names of the layers
     * @param outputs rows of each weight
     * @param inputs columns of every weight
     * @param biased whether they have biases by the configuration
     * @return one layer, or one for each name
     * @throws M3Exception as {@link #get}
     */
    public List<Linear> fused(List<String> names, long[] outputs, long inputs, boolean biased) {
        if (packs()) {
            return List.of(joined(names, outputs, inputs, biased));
        }
        List<Linear> layers = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            layers.add(linear(names.get(i), outputs[i], inputs, biased));
        }
        return layers;
    }

    /**
     * Layers of one input as one layer, whose outputs lie behind one another.
     *
     * @param names our names of the layers
     * @param outputs rows of each weight
     * @param inputs columns of every weight
     * @param biased whether they have biases by the configuration
     * @return the layer, in the form of the precision
     * @throws M3Exception as {@link #get}
     */
    public Linear joined(List<String> names, long[] outputs, long inputs, boolean biased) {
        List<TensorInfo> tensors = new ArrayList<>();
        for (int i = 0; i < outputs.length; i++) {
            tensors.add(checked(names.get(i) + ".weight", outputs[i], inputs));
        }
        NDArray bias = joinedBias(names, outputs, biased);
        if (!packs() && tensors.size() == 1) {
            NDArray weight = load(owner, tensors.get(0), precision.activations());
            return kernels.linear(owner, weight, bias, precision, false);
        }
        try (NDManager scope = owner.newSubManager()) {
            FloatType type = packs() ? packedFrom(tensors) : precision.activations();
            List<NDArray> parts = tensors.stream().map(t -> load(scope, t, type)).toList();
            NDArray weight =
                    parts.size() == 1
                            ? parts.get(0)
                            : kernels.concatenate(packs() ? scope : owner, parts, 0);
            return kernels.linear(owner, weight, bias, precision, packs());
        }
    }

    /** Quantising starts from what is stored, not from a rounding of it. */
    private FloatType packedFrom(List<TensorInfo> tensors) {
        boolean bfloat16 = tensors.stream().allMatch(t -> t.type() == ElementType.BFLOAT16);
        return precision == Precision.BFLOAT16 || (bfloat16 && precision != Precision.FLOAT32)
                ? FloatType.BFLOAT16
                : FloatType.FLOAT32;
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
     * @return whether {@link #fused} gives one layer
     */
    public boolean fuses() {
        return packs();
    }

    private boolean packs() {
        return kernels.packs(precision, packing);
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

    private TensorInfo checked(String name, long... shape) {
        TensorInfo info = info(name);
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
}
