package io.m3j.core.torch;

import com.sun.jna.NativeLibrary;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the C library's allocator treats what libtorch frees.
 *
 * <p>A pass through a model makes and frees some hundred arrays of a few MiB. Left to itself, glibc
 * gives many of them back to the system at once, and each new one is paid for page by page: a sixth of
 * the time of a picture. So it is told to keep up to {@value #KEPT_MEBIBYTES} MiB of freed memory, as
 * allocators for such work do. A user who has set {@code MALLOC_TRIM_THRESHOLD_} or such a threshold in {@code GLIBC_TUNABLES}, or
 * {@code -Dm3j.keepFreedMemory=false}, has decided: it then stays as it is.
 *
 * <p>Loading is another matter. What is freed while weights are converted lies in pieces between those
 * that stay, and glibc does not make one of them again: of 1.4 GiB of packed weights, a process kept
 * another 1.5 GiB. So the pieces are given back to the system while a model is loaded.
 */
public final class NativeMemory {

    private static final Logger LOGGER = LoggerFactory.getLogger(NativeMemory.class);
    private static final String SWITCH = "m3j.keepFreedMemory";

    private static final int KEPT_MEBIBYTES = 1024;

    /** The greatest that glibc takes: larger arrays come from the system and go back to it. */
    private static final int DIRECT_FROM_MEBIBYTES = 32;

    // malloc.h
    private static final int M_TRIM_THRESHOLD = -1;
    private static final int M_MMAP_THRESHOLD = -3;

    private NativeMemory() {}

    /** Once, before the engine starts; without effect where the C library is not glibc. */
    static void keepFreed() {
        if (!isOurs()
                || System.getenv("MALLOC_TRIM_THRESHOLD_") != null
                || System.getenv().getOrDefault("GLIBC_TUNABLES", "").contains("_threshold=")) {
            return;
        }
        try {
            NativeLibrary library = NativeLibrary.getInstance("c");
            option(library, M_MMAP_THRESHOLD, DIRECT_FROM_MEBIBYTES);
            option(library, M_TRIM_THRESHOLD, KEPT_MEBIBYTES);
        } catch (LinkageError e) {
            LOGGER.debug("the C library has no mallopt: its allocator stays as it is", e);
        }
    }

    private static boolean isOurs() {
        return System.getProperty("os.name").startsWith("Linux")
                && Boolean.parseBoolean(System.getProperty(SWITCH, "true"));
    }

    /**
     * Gives whole pages of freed memory back to the system. Takes some milliseconds, and what is freed
     * must be paid for again when it is next used: for loading, not for passes. Does nothing where the C
     * library is not glibc, or with {@code -Dm3j.keepFreedMemory=false}, which leaves its allocator alone.
     */
    public static void giveBackFreed() {
        if (!isOurs()) {
            return;
        }
        try {
            NativeLibrary.getInstance("c").getFunction("malloc_trim").invokeInt(new Object[] {0L});
        } catch (LinkageError e) {
            LOGGER.debug("the C library has no malloc_trim: it keeps what is freed", e);
        }
    }

    private static void option(NativeLibrary library, int option, int mebibytes) {
        Object[] arguments = {option, mebibytes << 20};
        if (library.getFunction("mallopt").invokeInt(arguments) != 1) {
            LOGGER.debug("mallopt({}, {} MiB) was refused", option, mebibytes);
        }
    }
}
