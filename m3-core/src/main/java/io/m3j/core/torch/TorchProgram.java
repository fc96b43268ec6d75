package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The loaded TorchScript program: a module without parameters whose methods are the kernels.
 *
 * <p>libtorch loads it from an archive in memory that is written here (see the format in {@link
 * #archive}), so that no Python and no file is needed. Calls may come from any thread.
 */
final class TorchProgram implements AutoCloseable {

    private static final String CLASS_NAME = "Kernels";

    /**
     * Per thread: the executor's optimiser re-compiles during the first calls, and the switch is
     * thread-local in libtorch. That of gradients is, too: it belongs to the caller, who may be
     * learning something else around our calls.
     */
    private static final ThreadLocal<Boolean> THREAD_IS_READY =
            ThreadLocal.withInitial(
                    () -> {
                        JniUtils.setGraphExecutorOptimize(false);
                        return true;
                    });

    private final PtNDManager manager;
    private final PtSymbolBlock module;

    /** Closing waits for the kernels that run: freed under one, the process would end. */
    private final Lifetime lifetime = new Lifetime("the kernels' program");

    /**
     * Starts the engine if need be and loads the program onto a device.
     *
     * @param device where the arrays of the calls will lie
     * @param source the kernels' code
     */
    TorchProgram(Device device, String source) {
        Engine engine = engine();
        THREAD_IS_READY.get();
        manager = (PtNDManager) engine.newBaseManager(device);
        manager.setName("kernels");
        try {
            InputStream archive = new ByteArrayInputStream(archive(source));
            module = JniUtils.loadModule(manager, archive, false, false);
        } catch (IOException e) {
            manager.close();
            throw new UncheckedIOException(e);
        } catch (EngineException e) {
            manager.close();
            throw e;
        }
    }

    /**
     * @return the engine, started if it was not running yet
     * @throws M3Exception if its native library cannot be loaded
     */
    static Engine engine() {
        NativeLibraries.keepOffline();
        NativeMemory.keepFreed();
        try {
            return Engine.getEngine("PyTorch");
        } catch (EngineException e) {
            throw new M3Exception(
                    "PyTorch engine: its native library could not be loaded. Expected the jar"
                            + " pytorch-native-cpu of this platform on the class path, or"
                            + " PYTORCH_LIBRARY_PATH naming a libtorch: "
                            + e.getMessage(),
                    e);
        }
    }

    /**
     * @return the manager that lives as long as the program; parent of all others
     */
    NDManager manager() {
        return manager;
    }

    /**
     * Runs one kernel, under inference mode whatever the thread's own mode is.
     *
     * @param owner the manager that the result is attached to
     * @param method the kernel's name
     * @param arguments NDArray, List of NDArray, long[], Long, Integer, Double, Boolean or String
     * @return the result
     * @throws IllegalStateException if the program, the owner or an argument was closed
     */
    NDArray call(NDManager owner, String method, Object... arguments) {
        return lifetime.during(() -> run(owner, method, arguments));
    }

    private NDArray run(NDManager owner, String method, Object... arguments) {
        THREAD_IS_READY.get();
        IValue[] values = new IValue[arguments.length];
        try {
            for (int i = 0; i < arguments.length; i++) {
                values[i] = value(arguments[i]);
            }
            try (IValue result = IValueUtils.runMethod(module, method, values)) {
                return result.toTensor((PtNDManager) owner);
            }
        } finally {
            for (IValue value : values) {
                if (value != null) {
                    value.close();
                }
            }
        }
    }

    /**
     * Runs one kernel under autograd: its results carry gradients.
     *
     * @param owner the manager that the results are attached to
     * @param gradients whether they really shall
     * @param method the kernel's name
     * @param arguments NDArray, or non-empty List of NDArray; nothing else passes this way, and no
     *     array in two of them, since its name says in which it stands
     * @return the results
     * @throws IllegalStateException if the program, the owner or an argument was closed
     */
    NDList differentiate(NDManager owner, boolean gradients, String method, Object... arguments) {
        return lifetime.during(
                () -> {
                    THREAD_IS_READY.get();
                    try (NDManager scope = manager.newSubManager()) {
                        NDList inputs = new NDList();
                        // The engine knows lists, and the method, by the names of the arrays. The
                        // results go to the manager of the first.
                        NDArray name = scope.create(0f);
                        name.setName("module_method:" + method);
                        inputs.add(name);
                        for (int i = 0; i < arguments.length; i++) {
                            if (arguments[i] instanceof List<?> list) {
                                for (Object element : list) {
                                    inputs.add(named((NDArray) element, "list" + i + "[]"));
                                }
                            } else {
                                inputs.add(named((NDArray) arguments[i], null));
                            }
                        }
                        boolean before = JniUtils.isGradMode();
                        JniUtils.setGradMode(gradients);
                        try {
                            NDList results = IValueUtils.forward(module, inputs, true);
                            results.attach(owner);
                            return results;
                        } finally {
                            JniUtils.setGradMode(before);
                        }
                    }
                });
    }

    private static NDArray named(NDArray array, String name) {
        array.setName(name);
        return array;
    }

    private static IValue value(Object argument) {
        if (argument instanceof NDArray array) {
            return IValue.from((PtNDArray) array);
        } else if (argument instanceof List<?> list) {
            return IValue.listFrom(list.toArray(PtNDArray[]::new));
        } else if (argument instanceof long[] longs) {
            return IValue.listFrom(longs);
        } else if (argument instanceof Double number) {
            return IValue.from(number.doubleValue());
        } else if (argument instanceof Boolean flag) {
            return IValue.from(flag.booleanValue());
        } else if (argument instanceof String text) {
            return IValue.from(text);
        } else if (argument instanceof Number number) {
            return IValue.from(number.longValue());
        }
        throw new IllegalArgumentException("no TorchScript value for " + argument);
    }

    @Override
    public void close() {
        if (lifetime.close()) {
            module.close();
            manager.close();
        }
    }

    /**
     * The archive that {@code torch.jit.load} reads: a stored zip of the class's code, the pickled
     * instance ({@code training = False}, no attribute else), an empty tuple of constants and the
     * format's version.
     */
    private static byte[] archive(String source) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            add(zip, "data.pkl", pickledInstance());
            add(zip, "code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
            // Protocol 2, EMPTY_TUPLE, STOP.
            add(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
            // Version 10: the operators as libtorch 2 knows them, e.g. gelu with its approximation.
            add(zip, "version", "10\n".getBytes(StandardCharsets.US_ASCII));
        }
        return bytes.toByteArray();
    }

    private static byte[] pickledInstance() throws IOException {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.write(new byte[] {(byte) 0x80, 2}); // PROTO 2
        pickle.write(("c__torch__\n" + CLASS_NAME + "\n").getBytes(StandardCharsets.US_ASCII));
        pickle.write(new byte[] {')', (byte) 0x81, '}'}); // EMPTY_TUPLE, NEWOBJ, EMPTY_DICT
        pickle.write(new byte[] {'X', 8, 0, 0, 0}); // BINUNICODE of 8 bytes
        pickle.write("training".getBytes(StandardCharsets.US_ASCII));
        pickle.write(new byte[] {(byte) 0x89, 's', 'b', '.'}); // NEWFALSE, SETITEM, BUILD, STOP
        return pickle.toByteArray();
    }

    private static void add(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry("kernels/" + name);
        CRC32 sum = new CRC32();
        sum.update(content);
        entry.setCrc(sum.getValue());
        entry.setSize(content.length);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
