package io.m3j.core.torch;

import ai.djl.Device;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kernels of our own for what libtorch has no fast operator for: linear layers in 8 and 4 bits, those in
 * bfloat16 whose weights stay where they lie, and the steps between two of them. A library in the jar,
 * made of {@code src/main/c}, adds them to libtorch as operators, which the program then calls like any
 * other.
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

    /** Set once they are added, in the process's properties: the library's checksum. */
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
        return isWanted() && Loaded.OK;
    }

    /**
     * Whether they are the faster ones in bfloat16, where they are available: they need the processor's
     * products of bfloat16. One with AMX has faster products still, which oneDNN takes.
     *
     * @param processor of this machine
     * @return whether to take them
     */
    static boolean takesBfloat16(Processor processor) {
        return multipliesInBfloat16(processor) && !processor.features().contains("amx_bf16");
    }

    private static boolean multipliesInBfloat16(Processor processor) {
        return processor.features().contains("avx512_bf16");
    }

    /**
     * @return whether nobody switched them off
     */
    static boolean isWanted() {
        return Boolean.parseBoolean(System.getProperty(SWITCH, "true"));
    }

    /**
     * @param processor of this machine
     * @return whether the library is made for it and for this system
     */
    static boolean isSupported(Processor processor) {
        return isSupported(System.getProperty("os.name"), System.getProperty("os.arch"), processor);
    }

    private static boolean load() {
        Processor processor = Processor.of(Device.cpu());
        if (!isSupported(processor)) {
            return false;
        }
        try {
            byte[] library = library();
            // Not Java's to see: another class loader of this process may have added them, for all
            // of libtorch.
            String added = System.getProperty(ADDED);
            String ours = checksum(library);
            if (added != null) {
                if (!added.equals(ours)) {
                    LOGGER.warn(
                            "another version of M3J has added its kernels to this process: slower"
                                    + " ones are used here");
                }
                return added.equals(ours);
            }
            Path file = extract(library);
            try {
                System.load(file.toString());
            } finally {
                file.toFile().delete(); // what is loaded stays
            }
            useThreads(TorchRuntime.current().threads());
            multiplyInBfloat16(multipliesInBfloat16(processor));
            System.setProperty(ADDED, ours);
            return true;
        } catch (IOException | RuntimeException | UnsatisfiedLinkError e) {
            LOGGER.warn(
                    "kernels of our own could not be loaded, slower ones are used: {}",
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

    private static byte[] library() throws IOException {
        try (InputStream in = NativeKernels.class.getResourceAsStream(LIBRARY)) {
            if (in == null) {
                throw new IOException(LIBRARY + " is missing from the m3-core jar");
            }
            return in.readAllBytes();
        }
    }

    private static String checksum(byte[] library) {
        CRC32 checksum = new CRC32();
        checksum.update(library);
        return Long.toHexString(checksum.getValue());
    }

    private static Path extract(byte[] library) throws IOException {
        Path file = Files.createTempFile("m3j", ".so");
        try {
            Files.write(file, library);
        } catch (IOException e) {
            Files.delete(file);
            throw e;
        }
        return file;
    }

    /**
     * @param count how many threads compute one operator: at load as many as libtorch's have then
     */
    static native void useThreads(int count);

    /**
     * @param able whether there are products in bfloat16, which need AVX512-BF16: without them
     *     attention takes two in float32, and a linear layer in bfloat16 is refused
     */
    static native void multiplyInBfloat16(boolean able);
}
