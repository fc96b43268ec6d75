package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * One typed Java method for each kernel of {@code training.torchscript}, which says what each computes,
 * with shapes: leaves, pooling, the decoder and its loss ({@link #tower} and {@link #optimizer} have the
 * others). Results carry gradients as far as what went in does; {@link Gradients} is the way back.
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
    private final OptimizerKernels optimizer;
    private final TowerTrainingKernels tower = new TowerTrainingKernels(this);
    private boolean gradients = true;

    private TrainingKernels(TorchProgram program) {
        this.program = program;
        this.optimizer = new OptimizerKernels(program);
    }

    /**
     * @param device where all arrays will lie
     * @return the kernels, to be closed by the caller
     */
    public static TrainingKernels load(Device device) {
        Devices.require(device);
        return new TrainingKernels(
                new TorchProgram(
                        device, Kernels.source(PROGRAM) + Kernels.source(Kernels.PATCHES)));
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

    /**
     * @return the kernels of the optimizer; they end with these
     */
    public OptimizerKernels optimizer() {
        return optimizer;
    }

    /**
     * @return the kernels of tower and projector; they end with these
     */
    public TowerTrainingKernels tower() {
        return tower;
    }

    // Leaves

    /**
     * Numbers to be learnt, or held fixed.
     *
     * @param owner owns the result
     * @param values as many as the shape has; copied
     * @param shape the sizes
     * @param learnt whether gradients gather in it; there are none yet
     * @return the array
     */
    public NDArray parameter(NDManager owner, FloatBuffer values, Shape shape, boolean learnt) {
        NDArray array = owner.create(values, shape);
        if (learnt) {
            array.setRequiresGradient(true);
        }
        return array;
    }

    /**
     * Lets the gradient of a leaf begin with zeros, so that a parameter which a batch does not reach is
     * treated alike in its first step and in later ones. Not before it is needed: it takes as much memory
     * as the leaf.
     *
     * @param leaf in which gradients gather; left alone if anything has
     */
    public void startGradient(NDArray leaf) {
        try (NDManager scope = newManager()) {
            if (Gradients.gradient(scope, leaf).isEmpty()) {
                Gradients.backward(one(scope, "zeros_from", leaf), scope.zeros(leaf.getShape()));
            }
        }
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

    /**
     * @param owner owns the result
     * @param parts [any, …] each, one or more
     * @return one behind the other
     */
    public NDArray join(NDManager owner, List<NDArray> parts) {
        return one(owner, "join", parts);
    }

    /**
     * @param owner owns the result
     * @param x [any, …]
     * @param from the first
     * @param to the one behind the last
     * @return those of it
     */
    public NDArray some(NDManager owner, NDArray x, long from, long to) {
        try (NDManager scope = newManager()) {
            return one(owner, "some", x, sizes(scope, from, to));
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
     * A map of tokens in another size, bilinear as PyTorch's {@code interpolate}.
     *
     * @param owner owns the result
     * @param table [R, D]
     * @param rows of the table that make the map, line after line
     * @param size lines of the map, tokens of a line
     * @param newSize lines of the result, tokens of a line
     * @return [lines · tokens of a line, D]
     */
    public NDArray resample(
            NDManager owner, NDArray table, long[] rows, int[] size, int[] newSize) {
        try (NDManager scope = newManager()) {
            NDArray sizes = sizes(scope, size[0], size[1], newSize[0], newSize[1]);
            return one(owner, "resample", table, owner.create(rows), sizes);
        }
    }

    /**
     * The rows of a batch, gathered out of the embeddings of its ids and, behind them, visual tokens.
     *
     * @param owner owns the result
     * @param table [V, D]
     * @param visual [any, D] or [D] each; not empty
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
     * @param weights of each layer as the kernel says
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
     * @param head six arrays of a linear layer [V, D]
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
            List<NDArray> head,
            long[] rows,
            long[] targets,
            List<NDArray> teachers,
            LossWeights weights,
            double epsilon,
            FloatType type) {
        try (NDManager scope = newManager()) {
            boolean taught = !teachers.isEmpty();
            List<NDArray> weightsOfLoss = new ArrayList<>(List.of(norm));
            weightsOfLoss.addAll(head);
            NDList results =
                    program.differentiate(
                            owner,
                            gradients,
                            "decoder_loss",
                            x,
                            weightsOfLoss,
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

    NDArray one(NDManager owner, String method, Object... arguments) {
        return program.differentiate(owner, gradients, method, arguments).get(0);
    }

    static NDArray sizes(NDManager scope, long... sizes) {
        return scope.create(sizes);
    }

    static NDArray numbers(NDManager scope, double... numbers) {
        return scope.create(numbers);
    }

    /** Frees the program and every array of its managers. */
    @Override
    public void close() {
        program.close();
    }
}
