package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import io.m3j.core.Ladder;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * One typed Java method for each kernel of {@code training.torchscript}, which says what each computes,
 * with shapes. Results carry gradients as far as what went in does.
 *
 * <p>The first argument of most methods is the manager that owns the result; closing it frees the graph
 * that leads back from it too. All arrays are float32 on the outside. For one thread at a time.
 *
 * <p>An array that was made of Java's numbers lies in memory of Java, which its graph does not keep: it
 * must stay open until the way back is done. What is made here of the numbers of a call belongs to the
 * result's owner for that reason.
 */
public final class TrainingKernels implements AutoCloseable {

    private static final String PROGRAM = "training.torchscript";

    /** What one call of {@link #adamw} does to a group of parameters. */
    public record AdamWNumbers(
            double rate, double decay, double beta1, double beta2, double epsilon) {}

    /**
     * The loss of one scale.
     *
     * @param loss the weighted sum, with its gradient
     * @param crossEntropy the mean over labelled positions
     * @param distillation the divergence from the finest scale
     * @param consistency the divergence from the next finer scale
     * @param logits [n, V], without gradient
     */
    public record ScaleLoss(
            NDArray loss,
            float crossEntropy,
            float distillation,
            float consistency,
            NDArray logits) {}

    /**
     * How the parts of a scale's loss are weighted.
     *
     * @param temperature that softens both sides of a divergence
     * @param crossEntropy weight of the cross-entropy
     * @param distillation weight of the divergence from the finest scale
     * @param consistency weight of the divergence from the next finer scale
     */
    public record LossWeights(
            double temperature, double crossEntropy, double distillation, double consistency) {}

    private final TorchProgram program;
    private boolean gradients = true;

    private TrainingKernels(TorchProgram program) {
        this.program = program;
    }

    /**
     * @param device where all arrays will lie
     * @return the kernels, to be closed by the caller
     */
    public static TrainingKernels load(Device device) {
        Devices.require(device);
        return new TrainingKernels(new TorchProgram(device, Kernels.source(PROGRAM)));
    }

    /**
     * @return a new manager, closed by the caller, or with the kernels
     */
    public NDManager newManager() {
        return program.manager().newSubManager();
    }

    /**
     * @return how many arrays are open, for tests against leaks
     */
    public int managedArrays() {
        return program.manager().getManagedArrays().size();
    }

    // Leaves and the way back

    /**
     * Numbers to be learnt, or held fixed.
     *
     * @param owner owns the result
     * @param values as many as the shape has; copied
     * @param shape the sizes
     * @param learnt whether gradients gather in it: zeros so far, so that a parameter which a batch does
     *     not reach is treated alike in its first step and in later ones
     * @return the array
     */
    public NDArray parameter(NDManager owner, FloatBuffer values, Shape shape, boolean learnt) {
        NDArray array = owner.create(values, shape);
        if (learnt) {
            array.setRequiresGradient(true);
            try (NDManager scope = newManager()) {
                backward(one(scope, "zeros_from", array), scope.zeros(shape));
            }
        }
        return array;
    }

    /**
     * @param owner owns the result
     * @param shape the sizes, of which one may be 0
     * @return zeros, held fixed
     */
    public NDArray zeros(NDManager owner, Shape shape) {
        return owner.zeros(shape);
    }

    /**
     * An array that ends a graph: gradients gather in it, and go no further.
     *
     * @param owner owns the result
     * @param x whose numbers it shares
     * @return the leaf
     */
    public NDArray leaf(NDManager owner, NDArray x) {
        NDArray leaf = x.stopGradient();
        leaf.attach(owner);
        leaf.setRequiresGradient(true);
        return leaf;
    }

    /**
     * Adds to the gradients of all leaves that a number was computed from. Frees its graph.
     *
     * @param loss a single number
     */
    public void backward(NDArray loss) {
        try (NDArray one = loss.getManager().create(1f)) {
            JniUtils.backward((PtNDArray) loss, (PtNDArray) one, false, false);
        }
    }

    /**
     * The same from an array whose own gradient is known.
     *
     * @param y computed from leaves
     * @param gradient of its shape
     */
    public void backward(NDArray y, NDArray gradient) {
        JniUtils.backward((PtNDArray) y, (PtNDArray) gradient, false, false);
    }

    /**
     * @param owner owns the result
     * @param leaf a leaf
     * @return what has gathered in it, the array itself and no copy; empty if nothing ever reached it
     */
    public Optional<NDArray> gradient(NDManager owner, NDArray leaf) {
        PtNDArray gradient = JniUtils.getGradient((PtNDArray) leaf);
        if (gradient == null) {
            return Optional.empty();
        }
        gradient.attach(owner);
        return Optional.of(gradient);
    }

    /**
     * @param leaf whose gradient becomes zero
     */
    public void zeroGradient(NDArray leaf) {
        JniUtils.zeroGrad((PtNDArray) leaf);
    }

    /**
     * Computes without keeping what the way back would need.
     *
     * @param <T> of the result
     * @param computation with these kernels
     * @return its result, which carries no gradient
     */
    public <T> T withoutGradients(Supplier<T> computation) {
        boolean before = gradients;
        gradients = false;
        try {
            return computation.get();
        } finally {
            gradients = before;
        }
    }

    /**
     * @param into numbers to replace, in place
     * @param source as many
     */
    public void assign(NDArray into, FloatBuffer source) {
        try (NDManager scope = newManager()) {
            assign(into, scope.create(source, into.getShape()));
        }
    }

    /**
     * @param into numbers to replace, in place
     * @param source of its shape
     */
    public void assign(NDArray into, NDArray source) {
        try (NDManager scope = newManager()) {
            program.call(scope, "assign", into, source);
        }
    }

    // The model

    /**
     * @param owner owns the result
     * @param weight [out, in]
     * @param down [r, in]
     * @param up [out, r]
     * @param factor of their product
     * @return weight + factor · up · down
     */
    public NDArray adapted(
            NDManager owner, NDArray weight, NDArray down, NDArray up, double factor) {
        try (NDManager scope = newManager()) {
            return one(owner, "adapted", weight, down, up, numbers(scope, factor));
        }
    }

    /**
     * @param owner owns the result
     * @param pixels [T, 3, size, size]
     * @param weights patches, class token, positions, norm and its bias
     * @param epsilon of the norm
     * @return [T, 1 + N, D]
     */
    public NDArray towerEmbed(
            NDManager owner, NDArray pixels, List<NDArray> weights, double epsilon) {
        try (NDManager scope = newManager()) {
            return one(owner, "tower_embed", pixels, weights, numbers(scope, epsilon));
        }
    }

    /**
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights sixteen of each layer
     * @param heads of attention
     * @param activation of the feed-forward sublayer
     * @param epsilon of the norms
     * @param type that products are computed in
     * @return [T, L, D]
     */
    public NDArray towerLayers(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            int heads,
            Activation activation,
            double epsilon,
            FloatType type) {
        try (NDManager scope = newManager()) {
            NDArray sizes = sizes(scope, heads, activation.ordinal(), type.number());
            return one(owner, "tower_layers", x, weights, sizes, numbers(scope, epsilon));
        }
    }

    /**
     * The grid in windows, each with the class token before it. The grid is a ring in both directions.
     *
     * @param owner owns the result
     * @param x [T, 1 + side², D]
     * @param side patches along a side of the grid
     * @param window patches along a side of a window; divides the grid's
     * @param down how far the grid is turned first
     * @param right how far the grid is turned first
     * @return [T·(side/window)², 1 + window², D]
     */
    public NDArray toWindows(
            NDManager owner, NDArray x, int side, int window, int down, int right) {
        try (NDManager scope = newManager()) {
            return one(owner, "to_windows", x, sizes(scope, side, window, down, right));
        }
    }

    /**
     * The way back from {@link #toWindows}; the class token becomes the mean of those of its windows.
     *
     * @param owner owns the result
     * @param x [T·(side/window)², 1 + window², D]
     * @param side as there
     * @param window as there
     * @param down as there
     * @param right as there
     * @return [T, 1 + side², D]
     */
    public NDArray fromWindows(
            NDManager owner, NDArray x, int side, int window, int down, int right) {
        try (NDManager scope = newManager()) {
            return one(owner, "from_windows", x, sizes(scope, side, window, down, right));
        }
    }

    /**
     * @param owner owns the result
     * @param x [T, 1 + N, D of the tower]
     * @param weights weight and bias of each linear layer
     * @param activation between them
     * @param type that products are computed in
     * @return [T, N, D]
     */
    public NDArray project(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Activation activation,
            FloatType type) {
        try (NDManager scope = newManager()) {
            NDArray sizes = sizes(scope, activation.ordinal(), type.number());
            return one(owner, "project", x, weights, sizes);
        }
    }

    /**
     * @param owner owns the result
     * @param tokens [T, grid side², D]
     * @param ladder the grid's scales
     * @param scale one of them
     * @param pooling the kind
     * @return [T·scale, D]
     */
    public NDArray pool(
            NDManager owner, NDArray tokens, Ladder ladder, Scale scale, Pooling pooling) {
        int cell = ladder.cell(scale);
        try (NDManager scope = newManager()) {
            long kind = pooling.ordinal();
            NDArray sizes = sizes(scope, ladder.gridSide(), cell, kind, (cell - 1) / 2);
            return one(owner, "pool", tokens, sizes);
        }
    }

    /**
     * The rows of a batch, gathered out of the embeddings of its ids and, behind them, visual tokens.
     *
     * @param owner owns the result
     * @param table [V, D]
     * @param visual [any, D] each; not empty
     * @param ids whose embeddings come first
     * @param index which of them all stands at each place, row by row [B·L]
     * @param batch rows of the batch, B
     * @return [B, L, D]
     */
    public NDArray decoderEmbed(
            NDManager owner,
            NDArray table,
            List<NDArray> visual,
            long[] ids,
            long[] index,
            int batch) {
        try (NDManager scope = newManager()) {
            return one(
                    owner,
                    "decoder_embed",
                    table,
                    visual,
                    owner.create(ids),
                    owner.create(index),
                    sizes(scope, batch));
        }
    }

    /**
     * @param owner owns the result
     * @param x [B, L, D]
     * @param weights sixteen of each layer
     * @param cosines [L, E]
     * @param sines [L, E]
     * @param heads query heads
     * @param keyValueHeads key and value heads
     * @param epsilon of the norms
     * @param type that products are computed in
     * @return [B, L, D]
     */
    public NDArray decoderLayers(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            NDArray cosines,
            NDArray sines,
            int heads,
            int keyValueHeads,
            double epsilon,
            FloatType type) {
        try (NDManager scope = newManager()) {
            NDArray sizes = sizes(scope, heads, keyValueHeads, type.number());
            NDArray numbers = numbers(scope, epsilon);
            return one(owner, "decoder_layers", x, weights, cosines, sines, sizes, numbers);
        }
    }

    /**
     * @param owner owns the results
     * @param x [B, L, D] behind the last layer
     * @param norm the last norm [D]
     * @param head [V, D]
     * @param rows the places in [B·L] whose next ids are labelled [n], one or more
     * @param targets those ids [n]
     * @param teachers logits [n, V] of the finest scale and of the next finer one, or none
     * @param weights of the parts
     * @param epsilon of the norm
     * @param type that products are computed in
     * @return the loss
     */
    public ScaleLoss decoderLoss(
            NDManager owner,
            NDArray x,
            NDArray norm,
            NDArray head,
            long[] rows,
            long[] targets,
            List<NDArray> teachers,
            LossWeights weights,
            double epsilon,
            FloatType type) {
        try (NDManager scope = newManager()) {
            boolean taught = !teachers.isEmpty();
            NDList results =
                    program.differentiate(
                            owner,
                            gradients,
                            "decoder_loss",
                            x,
                            List.of(norm, head),
                            owner.create(rows),
                            owner.create(targets),
                            // A list must not be empty.
                            taught ? teachers : List.of(scope.create(0f)),
                            sizes(scope, type.number()),
                            numbers(
                                    scope,
                                    epsilon,
                                    weights.temperature(),
                                    weights.crossEntropy(),
                                    taught ? weights.distillation() : 0,
                                    taught ? weights.consistency() : 0));
            return new ScaleLoss(
                    results.get(0),
                    number(results.get(1)),
                    number(results.get(2)),
                    number(results.get(3)),
                    results.get(4));
        }
    }

    private static float number(NDArray array) {
        try (array) {
            return array.getFloat();
        }
    }

    // The optimizer

    /**
     * @param gradients one or more
     * @return the norm of all of them as one vector
     */
    public double totalNorm(List<NDArray> gradients) {
        try (NDManager scope = newManager()) {
            return program.call(scope, "total_norm", gradients).getDouble();
        }
    }

    /**
     * @param arrays one or more, changed in place
     * @param factor that each of their numbers is multiplied by
     */
    public void scaleAll(List<NDArray> arrays, double factor) {
        program.call(program.manager(), "scale_all", arrays, factor).close();
    }

    /**
     * One step of AdamW, in place.
     *
     * @param parameters one or more
     * @param gradients of each
     * @param means the first moment of each
     * @param squares the second moment of each
     * @param numbers of the group
     * @param step counted from 1
     */
    public void adamw(
            List<NDArray> parameters,
            List<NDArray> gradients,
            List<NDArray> means,
            List<NDArray> squares,
            AdamWNumbers numbers,
            long step) {
        double first = 1 - Math.pow(numbers.beta1(), step);
        double second = Math.sqrt(1 - Math.pow(numbers.beta2(), step));
        program.call(
                        program.manager(),
                        "adamw",
                        parameters,
                        gradients,
                        means,
                        squares,
                        numbers.rate(),
                        numbers.decay(),
                        numbers.beta1(),
                        numbers.beta2(),
                        numbers.epsilon(),
                        first,
                        second)
                .close();
    }

    private NDArray one(NDManager owner, String method, Object... arguments) {
        return program.differentiate(owner, gradients, method, arguments).get(0);
    }

    private static NDArray sizes(NDManager scope, long... sizes) {
        return scope.create(sizes);
    }

    private static NDArray numbers(NDManager scope, double... numbers) {
        return scope.create(numbers);
    }

    /** Frees the program and every array of its managers. */
    @Override
    public void close() {
        program.close();
    }
}
