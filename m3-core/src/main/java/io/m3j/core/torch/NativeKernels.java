package io.m3j.core.torch;

import ai.djl.Device;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kernels of our own for what libtorch has no fast operator for: linear layers in 8 and 4 bits, and the
 * steps between two of them. A library of some 60 KB in the jar, made of {@code src/main/c}, adds them to
 * libtorch as operators, which the program then calls like any other.
 *
 * <p>They need Linux on x86 with AVX-512 and VNNI, and libtorch 2.7 or later; without them, or with {@code
 * -Dm3j.nativeKernels=false}, libtorch's own operators compute the same layers.
 */
final class NativeKernels {

    /** In the jar, beside this class. */
    static final String LIBRARY = "linux-x86_64/libm3j.so";

    static final String SWITCH = "m3j.nativeKernels";

    private static final Logger LOGGER = LoggerFactory.getLogger(NativeKernels.class);
    private static final Set<String> INSTRUCTIONS =
            Set.of("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni");

    /** Set once they are added, in the process's properties. */
    private static final String ADDED = "m3j.nativeKernels.added";

    private NativeKernels() {}

    /** Loaded once: an operator cannot be added twice, nor taken away. */
    private static final class Loaded {
        static final boolean OK = load();
    }

    /**
     * @return whether the operators are there, loaded for this if need be; libtorch must be
     */
    static boolean available() {
        return Boolean.parseBoolean(System.getProperty(SWITCH, "true")) && Loaded.OK;
    }

    private static boolean load() {
        Processor processor = Processor.of(Device.cpu());
        String system = System.getProperty("os.name");
        if (!isSupported(system, System.getProperty("os.arch"), processor)) {
            return false;
        }
        // Not Java's to see: another class loader of this process may have added them, for all of
        // libtorch.
        if (System.getProperty(ADDED) != null) {
            return true;
        }
        try {
            Path file = extract();
            try {
                System.load(file.toString());
            } finally {
                file.toFile().delete(); // what is loaded stays
            }
            useThreads(TorchRuntime.current().threads());
            multiplyInBfloat16(processor.features().contains("avx512_bf16"));
            System.setProperty(ADDED, "true");
            return true;
        } catch (IOException | RuntimeException | UnsatisfiedLinkError e) {
            LOGGER.warn(
                    "kernels for 8 and 4 bits could not be loaded, slower ones are used: {}",
                    e.toString());
            LOGGER.debug("loading {} failed", LIBRARY, e);
            return false;
        }
    }

    /**
     * @param system as {@code os.name} has it
     * @param architecture as {@code os.arch} has it
     * @param processor of this machine
     * @return whether the library is made for it
     */
    static boolean isSupported(String system, String architecture, Processor processor) {
        return system.toLowerCase(Locale.ROOT).startsWith("linux")
                && Set.of("amd64", "x86_64").contains(architecture)
                && processor.features().containsAll(INSTRUCTIONS);
    }

    private static Path extract() throws IOException {
        try (InputStream in = NativeKernels.class.getResourceAsStream(LIBRARY)) {
            if (in == null) {
                throw new IOException(LIBRARY + " is missing from the m3-core jar");
            }
            Path file = Files.createTempFile("m3j", ".so");
            try {
                Files.write(file, in.readAllBytes());
            } catch (IOException e) {
                Files.delete(file);
                throw e;
            }
            return file;
        }
    }

    /**
     * @param count how many threads compute one operator: at load as many as libtorch's have then
     */
    static native void useThreads(int count);

    /**
     * @param able whether attention multiplies in bfloat16, which needs AVX512-BF16
     */
    static native void multiplyInBfloat16(boolean able);
}
