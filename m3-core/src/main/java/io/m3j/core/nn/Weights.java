package io.m3j.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.TensorInfo;
import java.util.Map;

/**
 * The weights of one part of a model under our names, brought from a checkpoint into arrays, each
 * checked against the shape that the configuration promises.
 */
public final class Weights {

    private final Kernels kernels;
    private final NDManager owner;
    private final Checkpoint checkpoint;
    private final Map<String, String> names;
    private final Precision precision;
    private final Runnable onLoaded;

    /**
     * @param kernels that convert types
     * @param owner owns every array that comes from here
     * @param checkpoint where the tensors are
     * @param names our name of each tensor → the checkpoint's
     * @param precision the type of the arrays
     * @param onLoaded called after each tensor, for progress
     */
    public Weights(
            Kernels kernels,
            NDManager owner,
            Checkpoint checkpoint,
            Map<String, String> names,
            Precision precision,
            Runnable onLoaded) {
        this.kernels = kernels;
        this.owner = owner;
        this.checkpoint = checkpoint;
        this.names = Map.copyOf(names);
        this.precision = precision;
        this.onLoaded = onLoaded;
    }

    /**
     * @return the kernels that these weights were made for
     */
    public Kernels kernels() {
        return kernels;
    }

    /**
     * @return the type of the arrays
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
        NDArray array = kernels.load(owner, checkpoint.get(checked(name, shape).name()), precision);
        onLoaded.run();
        return array;
    }

    /**
     * @param name our name of a bias
     * @param shape what the configuration promises
     * @return the array, or an empty one, the kernels' sign for none, if there is no such tensor
     */
    public NDArray getOrEmpty(String name, long... shape) {
        return has(name) ? get(name, shape) : kernels.zeros(owner, precision, 0);
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
