package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.Scale;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * One typed Java method for each TorchScript kernel of {@code kernels.torchscript}, which says what
 * each computes, with shapes.
 *
 * <p>The first argument of most methods is the manager that owns the result; the caller closes it.
 * Arrays of any {@link Precision} go in and out, but one in bfloat16 must never be given to a method
 * of {@code NDArray} that takes or returns its type or its numbers: those abort the JVM. {@link
 * #toFloat32} is the way out. Calls run under inference mode and may come from any thread.
 *
 * <p>Closing frees the program and every manager made by {@link #newManager()}.
 */
public final class Kernels implements AutoCloseable {

    private static final String SOURCE = "kernels.torchscript";

    private final TorchProgram program;
    private final Device device;

    private Kernels(Device device) {
        this.program = new TorchProgram(device, source());
        this.device = program.manager().getDevice();
    }

    /**
     * Starts the engine if it is not running yet and loads the kernels.
     *
     * @param device where all arrays will lie
     * @return the kernels, to be closed by the caller
     */
    public static Kernels load(Device device) {
        return new Kernels(device);
    }

    private static String source() {
        try (InputStream in = Kernels.class.getResourceAsStream(SOURCE)) {
            if (in == null) {
                throw new IllegalStateException(SOURCE + " is missing from the m3-core jar");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * @return where all arrays lie
     */
    public Device device() {
        return device;
    }

    /**
     * @return a new manager, closed by the caller, or with the kernels
     */
    public NDManager newManager() {
        return program.manager().newSubManager();
    }

    /**
     * @return how many arrays are open, in all managers below this program's, for tests against
     *     leaks
     */
    public int managedArrays() {
        return program.manager().getManagedArrays().size();
    }

    // Memory and types

    /**
     * A stored tensor as an array: on a CPU and in the type that it is stored in it is used where it
     * lies, in every other case it is converted. The stored bytes stay reachable as long as {@code
     * owner} is open.
     *
     * @param owner owns the result
     * @param tensor the stored tensor, floating-point
     * @param precision the type of the result
     * @return an array of the tensor's shape
     */
    public NDArray load(NDManager owner, StoredTensor tensor, Precision precision) {
        int stored = typeNumber(tensor.type());
        if (stored == precision.typeNumber()) {
            return reinterpret(owner, tensor, stored);
        }
        try (NDManager scope = owner.newSubManager()) {
            return program.call(
                    owner, "convert", reinterpret(scope, tensor, stored), precision.typeNumber());
        }
    }

    private NDArray reinterpret(NDManager owner, StoredTensor tensor, int typeNumber) {
        ByteBuffer bytes = tensor.data();
        if (!bytes.isDirect()) {
            bytes = ByteBuffer.allocateDirect(bytes.remaining()).put(bytes).flip();
        }
        // At least one byte: an empty buffer has no address that libtorch would accept.
        if (!bytes.hasRemaining()) {
            bytes = ByteBuffer.allocateDirect(1);
        }
        bytes.order(ByteOrder.nativeOrder());
        // No copy on a CPU. The bytes' array holds the buffer, and stays open as long as the
        // result.
        NDArray raw = owner.create(bytes, new Shape(bytes.remaining()), DataType.UINT8);
        return program.call(owner, "reinterpret", raw, typeNumber, tensor.shape().getShape());
    }

    private static int typeNumber(ElementType type) {
        // c10/core/ScalarType.h
        return switch (type) {
            case UINT8 -> 0;
            case INT8 -> 1;
            case INT16 -> 2;
            case INT32 -> 3;
            case INT64 -> 4;
            case FLOAT16 -> 5;
            case FLOAT32 -> 6;
            case FLOAT64 -> 7;
            case BOOLEAN -> 11;
            case BFLOAT16 -> 15;
        };
    }

    /**
     * @param owner owns the result
     * @param x any array
     * @return a copy of its numbers as float32, safe for every method of NDArray
     */
    public NDArray toFloat32(NDManager owner, NDArray x) {
        return program.call(owner, "convert", x, Precision.FLOAT32.typeNumber());
    }

    /**
     * @param owner owns the result
     * @param x any array
     * @param precision the type wanted
     * @return a copy of its numbers in that type
     */
    public NDArray convert(NDManager owner, NDArray x, Precision precision) {
        return program.call(owner, "convert", x, precision.typeNumber());
    }

    /**
     * @param owner owns the result
     * @param precision the type
     * @param shape the sizes
     * @return zeros
     */
    public NDArray zeros(NDManager owner, Precision precision, long... shape) {
        try (NDArray like = owner.create(0f)) {
            return program.call(owner, "zeros", like, precision.typeNumber(), shape);
        }
    }

    /**
     * @param owner owns the result
     * @param table [R, …]
     * @param start the first row wanted
     * @param end the row behind the last one wanted
     * @return [end − start, …], a view of the table
     */
    public NDArray rows(NDManager owner, NDArray table, int start, int end) {
        return program.call(owner, "rows", table, start, end);
    }

    /**
     * @param owner owns the result
     * @param parts arrays of one type that agree in all other dimensions
     * @param dimension the dimension to join
     * @return the parts behind one another
     */
    public NDArray concatenate(NDManager owner, List<NDArray> parts, int dimension) {
        return program.call(owner, "concatenate", parts, dimension);
    }

    // CLIP tower and projector

    /**
     * Patches and class token with their positions, normed.
     *
     * @param owner owns the result
     * @param pixels [T, 3, size, size]
     * @param patch [D, 3, p, p]
     * @param classToken [D]
     * @param positions [1 + N, D]
     * @param norm weight of the norm before the layers [D]
     * @param normBias its bias [D]
     * @param epsilon of the norm
     * @return [T, 1 + N, D]
     */
    public NDArray clipEmbed(
            NDManager owner,
            NDArray pixels,
            NDArray patch,
            NDArray classToken,
            NDArray positions,
            NDArray norm,
            NDArray normBias,
            double epsilon) {
        return program.call(
                owner, "clip_embed", pixels, patch, classToken, positions, norm, normBias, epsilon);
    }

    /**
     * One attention sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights norm, q, k, v, out, each with its bias behind it
     * @param heads attention heads
     * @param epsilon of the norm
     * @return [T, L, D]
     */
    public NDArray clipAttention(
            NDManager owner, NDArray x, List<NDArray> weights, int heads, double epsilon) {
        return program.call(owner, "clip_attention", x, weights, heads, epsilon);
    }

    /**
     * One feed-forward sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [T, L, D]
     * @param weights norm, fc1, fc2, each with its bias behind it
     * @param activation between the two
     * @param epsilon of the norm
     * @return [T, L, D]
     */
    public NDArray clipMlp(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            Activation activation,
            double epsilon) {
        return program.call(owner, "clip_mlp", x, weights, activation.kernelName(), epsilon);
    }

    /**
     * @param owner owns the result
     * @param x [T, 1 + N, D], the class token first
     * @return [T, N, D]
     */
    public NDArray patchesOnly(NDManager owner, NDArray x) {
        return program.call(owner, "patches_only", x);
    }

    /**
     * @param owner owns the result
     * @param x the last hidden state [T, 1 + N, D]
     * @param norm [D]
     * @param normBias [D]
     * @param epsilon of the norm
     * @return the class token, normed [T, D]
     */
    public NDArray clipPool(
            NDManager owner, NDArray x, NDArray norm, NDArray normBias, double epsilon) {
        return program.call(owner, "clip_pool", x, norm, normBias, epsilon);
    }

    /**
     * @param owner owns the result
     * @param pooled [T, D]
     * @param projection [P, D]
     * @return [T, P]
     */
    public NDArray clipProject(NDManager owner, NDArray pooled, NDArray projection) {
        return program.call(owner, "clip_project", pooled, projection);
    }

    /**
     * LLaVA's projector.
     *
     * @param owner owns the result
     * @param x [T, N, vision hidden size]
     * @param weights weight and bias of each linear layer in turn
     * @param activation between the layers
     * @return [T, N, D]
     */
    public NDArray project(
            NDManager owner, NDArray x, List<NDArray> weights, Activation activation) {
        return program.call(owner, "project", x, weights, activation.kernelName());
    }

    // Nested tokens

    /**
     * Average pooling to a coarser scale.
     *
     * @param owner owns the result
     * @param tokens [T, grid side², D]
     * @param ladder the grid's scales
     * @param scale one of them
     * @return [T, scale, D], row by row
     */
    public NDArray poolAverage(NDManager owner, NDArray tokens, Ladder ladder, Scale scale) {
        return program.call(owner, "pool_average", tokens, ladder.gridSide(), ladder.cell(scale));
    }

    /**
     * One token of each cell, the one at its middle (the upper left of the middle in even cells).
     *
     * @param owner owns the result
     * @param tokens [T, grid side², D]
     * @param ladder the grid's scales
     * @param scale one of them
     * @return [T, scale, D], row by row
     */
    public NDArray poolSpatial(NDManager owner, NDArray tokens, Ladder ladder, Scale scale) {
        int cell = ladder.cell(scale);
        int middle = (cell - 1) / 2;
        return program.call(owner, "pool_spatial", tokens, ladder.gridSide(), cell, middle);
    }

    /**
     * The first tokens in reading order.
     *
     * @param owner owns the result
     * @param tokens [T, grid side², D]
     * @param ladder the grid's scales
     * @param scale one of them
     * @return [T, scale, D]
     */
    public NDArray poolSequential(NDManager owner, NDArray tokens, Ladder ladder, Scale scale) {
        return program.call(owner, "pool_sequential", tokens, ladder.require(scale).tokens());
    }

    // Decoder

    /**
     * @param owner owns the result
     * @param table [V, D]
     * @param ids int64 [L], each from 0 to V − 1, which the caller has checked
     * @return [L, D]
     */
    public NDArray embed(NDManager owner, NDArray table, NDArray ids) {
        return program.call(owner, "embed", table, ids);
    }

    /**
     * One attention sublayer, its residual included; writes keys and values of its positions into
     * the caches.
     *
     * @param owner owns the result
     * @param x [B, L, D]
     * @param weights norm, q, k, v, o, and the biases of q, k, v, o (empty where there is none)
     * @param cosines [L, E] of the positions of x
     * @param sines [L, E] likewise
     * @param keys [B, G, capacity, E]
     * @param values [B, G, capacity, E]
     * @param heads query heads, a multiple of G
     * @param position of the first row of x
     * @param epsilon of the norm
     * @return [B, L, D]
     */
    public NDArray decoderAttention(
            NDManager owner,
            NDArray x,
            List<NDArray> weights,
            NDArray cosines,
            NDArray sines,
            NDArray keys,
            NDArray values,
            int heads,
            int position,
            double epsilon) {
        return program.call(
                owner,
                "decoder_attention",
                x,
                weights,
                cosines,
                sines,
                keys,
                values,
                heads,
                position,
                epsilon);
    }

    /**
     * One feed-forward sublayer, its residual included.
     *
     * @param owner owns the result
     * @param x [B, L, D]
     * @param weights norm, gate, up, down, and the biases of the last three (empty where there is
     *     none)
     * @param epsilon of the norm
     * @return [B, L, D]
     */
    public NDArray decoderMlp(NDManager owner, NDArray x, List<NDArray> weights, double epsilon) {
        return program.call(owner, "decoder_mlp", x, weights, epsilon);
    }

    /**
     * The last norm and the output head.
     *
     * @param owner owns the result
     * @param x [B, L, D]
     * @param norm [D]
     * @param head [V, D]
     * @param epsilon of the norm
     * @param lastOnly whether the last position alone is wanted
     * @return float32 [B, 1 or L, V]
     */
    public NDArray decoderLogits(
            NDManager owner,
            NDArray x,
            NDArray norm,
            NDArray head,
            double epsilon,
            boolean lastOnly) {
        return program.call(owner, "decoder_logits", x, norm, head, epsilon, lastOnly);
    }

    /** Waits for the calls that run, then frees the program and every array of its managers. */
    @Override
    public void close() {
        program.close();
    }
}
