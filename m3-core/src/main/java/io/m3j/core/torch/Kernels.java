package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

    private static final Logger LOGGER = LoggerFactory.getLogger(Kernels.class);

    private static final String PROGRAM = "kernels.torchscript";

    /** What the programs of inference and of training share: a tower's patches. */
    static final String PATCHES = "patches.torchscript";

    private static final String QUANTISE = "quantise.torchscript";
    private static final String ONEDNN = "linear-onednn.torchscript";
    private static final String PLAIN = "linear-plain.torchscript";
    private static final String NATIVE = "native.torchscript";

    /** What stands in the place of those; nothing calls it. */
    static final String NO_NATIVE = "native-none.torchscript";

    private final TorchProgram program;
    private final Device device;
    private final boolean onednn;
    private final OwnKernels own;
    private final boolean onednnBfloat16;
    private final boolean int4Unpacks;

    /** Lies on the device: kernels without any other operand are told by it where to compute. */
    private final NDArray anchor;

    private Kernels(TorchProgram program, boolean onednn, OwnKernels own) {
        this.program = program;
        this.device = program.manager().getDevice();
        this.onednn = onednn;
        this.own = own;
        this.onednnBfloat16 = onednn && takesBfloat16();
        this.int4Unpacks = onednn && unpacksInt4();
        ByteBuffer zero = ByteBuffer.allocateDirect(1);
        this.anchor = toDevice(program.manager(), zero, typeNumber(ElementType.UINT8), 1);
    }

    /** oneDNN refuses bfloat16 on processors without AVX-512, whatever it is asked for. */
    private boolean takesBfloat16() {
        try (NDManager scope = newManager()) {
            program.call(scope, "onednn_bfloat16", scope.create(0f));
            return true;
        } catch (M3Exception | EngineException e) {
            LOGGER.debug("oneDNN refuses bfloat16", e);
            return false;
        }
    }

    private boolean unpacksInt4() {
        try (NDManager scope = newManager()) {
            NDArray like = scope.create(0f);
            return program.call(scope, "int4_unpacks", like).getFloat() == 1;
        }
    }

    /**
     * Starts the engine if it is not running yet and loads the kernels.
     *
     * @param device where all arrays will lie
     * @return the kernels, to be closed by the caller
     * @throws M3Exception if the loaded libtorch cannot use the device
     */
    public static Kernels load(Device device) {
        Devices.require(device);
        if (device.isGpu()) {
            try {
                return plain(device, plainSource());
            } catch (EngineException e) {
                throw Devices.refused(device, e);
            }
        }
        try {
            TorchProgram.engine();
            boolean available = NativeKernels.available();
            String program = common() + source(ONEDNN) + source(available ? NATIVE : NO_NATIVE);
            OwnKernels own = available ? OwnKernels.of(Processor.of(device)) : OwnKernels.NONE;
            return new Kernels(new TorchProgram(device, program), true, own);
        } catch (EngineException e) {
            LOGGER.warn("this libtorch lacks oneDNN's linear layers: slower ones are used");
            LOGGER.debug("loading {} failed", ONEDNN, e);
            return plain(device, plainSource());
        }
    }

    /**
     * The kernels as GPUs run them, on any device.
     *
     * @param device where all arrays will lie
     * @param source {@link #plainSource()}, or what a test made of it
     * @return the kernels, to be closed by the caller
     */
    static Kernels plain(Device device, String source) {
        return new Kernels(new TorchProgram(device, source), false, OwnKernels.NONE);
    }

    /**
     * @return the program that needs nothing but what every libtorch has on every device
     */
    static String plainSource() {
        return common() + source(PLAIN) + source(NO_NATIVE);
    }

    private static String common() {
        return source(PROGRAM) + source(PATCHES) + source(QUANTISE);
    }

    static String source(String name) {
        try (InputStream in = Kernels.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is missing from the m3-core jar");
            }
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return text.replace("INT4_GROUP", Integer.toString(Precision.INT4_GROUP))
                    .replace("INT4_UNPACKED_FROM", Integer.toString(Precision.INT4_UNPACKED_FROM));
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
     * @param type of the result
     * @return an array of the tensor's shape
     */
    public NDArray load(NDManager owner, StoredTensor tensor, FloatType type) {
        int stored = typeNumber(tensor.type());
        if (stored == type.number()) {
            return reinterpret(owner, tensor, stored);
        }
        try (NDManager scope = owner.newSubManager()) {
            return program.call(
                    owner, "convert", reinterpret(scope, tensor, stored), type.number());
        }
    }

    /**
     * A stored tensor in the type that it is stored in, where it lies if this is a CPU: also levels.
     *
     * @param owner owns the result
     * @param tensor the stored tensor, of any type
     * @return an array of the tensor's shape
     */
    public NDArray load(NDManager owner, StoredTensor tensor) {
        return reinterpret(owner, tensor, typeNumber(tensor.type()));
    }

    /**
     * An array as it stands in a file.
     *
     * @param array contiguous, as kernels return them, on a CPU
     * @param info the name that it shall have, its type and its shape
     * @return its numbers; they lie in the array's own memory, so use them while it is open
     */
    public StoredTensor store(NDArray array, TensorInfo info) {
        NDArray bytes = program.call(array.getManager(), "bytes_of", array, info.type().bytes());
        return new StoredTensor(info.name(), info.type(), info.shape(), bytes.toByteBuffer(true));
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
        return toDevice(owner, bytes, typeNumber, tensor.shape().getShape());
    }

    /**
     * The only door through which numbers of Java come to the device: on a CPU they are used where
     * they lie, to a GPU they are copied.
     */
    private NDArray toDevice(NDManager owner, ByteBuffer bytes, int typeNumber, long... shape) {
        bytes.order(ByteOrder.nativeOrder());
        // The bytes' array holds the buffer, and stays open as long as the result.
        NDArray raw = owner.create(bytes, new Shape(bytes.remaining()), DataType.UINT8);
        return program.call(owner, "reinterpret", raw, typeNumber, shape);
    }

    static int typeNumber(ElementType type) {
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
        return program.call(owner, "convert", x, FloatType.FLOAT32.number());
    }

    /**
     * @param owner owns the result
     * @param x any array
     * @param type the type wanted
     * @return a copy of its numbers in that type
     */
    public NDArray convert(NDManager owner, NDArray x, FloatType type) {
        return program.call(owner, "convert", x, type.number());
    }

    /**
     * @param owner owns the result
     * @param type the type
     * @param shape the sizes
     * @return zeros
     */
    public NDArray zeros(NDManager owner, FloatType type, long... shape) {
        return program.call(owner, "zeros", anchor, type.number(), shape);
    }

    /**
     * Numbers of Java as an array on the device.
     *
     * @param owner owns the result
     * @param values as many as the shape has; copied
     * @param shape the sizes
     * @param type of the result
     * @return the array
     */
    public NDArray array(NDManager owner, FloatBuffer values, Shape shape, FloatType type) {
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(values.remaining() * Float.BYTES)
                        .order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(values.duplicate());
        try (NDManager scope = owner.newSubManager()) {
            int float32 = FloatType.FLOAT32.number();
            NDArray arrived = toDevice(scope, bytes, float32, shape.getShape());
            return program.call(owner, "convert", arrived, type.number());
        }
    }

    /**
     * An array that Java will read, on the CPU. Read where it lies on a GPU, each reading would leave a
     * copy behind, for as long as its manager is open.
     *
     * @param owner owns the result
     * @param x float32, taken over
     * @return its numbers on the CPU: on a CPU the array itself
     */
    public NDArray toHost(NDManager owner, NDArray x) {
        if (!device.isGpu()) {
            x.attach(owner);
            return x;
        }
        try (NDManager scope = newManager()) {
            x.attach(scope);
            NDArray host = x.toDevice(Device.cpu(), false);
            host.attach(owner);
            return host;
        }
    }

    /**
     * Waits until the numbers of an array are there: on a GPU calls return before that. For those who
     * measure time.
     *
     * @param x any array of one or more elements
     */
    public void await(NDArray x) {
        if (device.isGpu()) {
            first(x);
        }
    }

    /** The first number of an array; a device computes in the order of the calls. */
    float first(NDArray x) {
        try (NDManager scope = newManager()) {
            NDArray row = x.reshape(-1);
            row.attach(scope);
            NDArray number = rows(scope, row, new long[] {0}, new long[] {1});
            return toFloat32(scope, number).toFloatArray()[0];
        }
    }

    /**
     * @param owner owns the result
     * @param table [capacity, …]
     * @param starts the first row of each span
     * @param lengths how many rows each span has
     * @return the rows of all spans behind one another; a view of the table if there is one span
     */
    public NDArray rows(NDManager owner, NDArray table, long[] starts, long[] lengths) {
        return program.call(owner, "rows", table, starts, lengths);
    }

    /**
     * @param owner owns the result
     * @param table [R, D]
     * @param rows each from 0 to R − 1, which the caller has checked
     * @return those rows in that order, a copy [rows, D]
     */
    public NDArray gather(NDManager owner, NDArray table, long... rows) {
        return program.call(owner, "embed", table, rows);
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

    /**
     * A map of tokens in another size, bilinear as PyTorch's {@code interpolate}.
     *
     * @param owner owns the result
     * @param map [height · width, D], row by row
     * @param height of the map
     * @param width of the map
     * @param newHeight of the result
     * @param newWidth of the result
     * @return [newHeight · newWidth, D], row by row
     */
    public NDArray resample(
            NDManager owner, NDArray map, int height, int width, int newHeight, int newWidth) {
        return program.call(owner, "resample", map, height, width, newHeight, newWidth);
    }

    /**
     * @return whether linear layers are oneDNN's
     */
    boolean onednn() {
        return onednn;
    }

    /**
     * @return which of them are those of {@link NativeKernels}
     */
    public OwnKernels own() {
        return own;
    }

    /**
     * @return whether oneDNN's are also in bfloat16
     */
    boolean onednnBfloat16() {
        return onednnBfloat16;
    }

    /**
     * @return whether levels of 4 bits that ATen packed can be unpacked
     */
    boolean int4Unpacks() {
        return int4Unpacks;
    }

    /**
     * @param owner owns the result
     * @param method the kernel's name
     * @param arguments as {@link TorchProgram#call}
     * @return the result
     */
    NDArray call(NDManager owner, String method, Object... arguments) {
        return program.call(owner, method, arguments);
    }

    /** Waits for the calls that run, then frees the program and every array of its managers. */
    @Override
    public void close() {
        program.close();
    }
}
