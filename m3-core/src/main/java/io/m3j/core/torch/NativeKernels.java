package io.m3j.core.torch;

import ai.djl.Device;
import io.m3j.core.M3Exception;
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
            Set.of("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni");

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
        if (!isSupported(
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                Processor.of(Device.cpu()))) {
            return false;
        }
        try {
            Path file = extract();
            try {
                System.load(file.toString());
            } finally {
                Files.delete(file); // what is loaded stays
            }
            useThreads(TorchRuntime.current().threads());
            return true;
        } catch (IOException | UnsatisfiedLinkError e) {
            LOGGER.warn(
                    "kernels for 8 and 4 bits could not be loaded, slower ones are used: {}",
                    e.getMessage());
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
                throw new M3Exception(LIBRARY + " is missing from the m3-core jar");
            }
            Path file = Files.createTempFile("m3j", ".so");
            Files.write(file, in.readAllBytes());
            return file;
        }
    }

    /** How many threads compute one operator, as libtorch's do. */
    static native void useThreads(int count);
}
