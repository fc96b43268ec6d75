package io.m3j.core.torch;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Weights in huge pages, of 2 MiB on x86, instead of small ones of 4 KiB. One step of decoding reads all
 * weights, and with small pages the processor spends a fifth of that time or more, most of all under a
 * hypervisor, on finding where they are.
 *
 * <p>libtorch asks for huge pages for its own arrays ({@code THP_MEM_ALLOC_ENABLE=1}), but not for those
 * that oneDNN packs, and memory that was used before keeps its small pages. So after loading, Linux is
 * asked to gather what lies in memory ({@code MADV_COLLAPSE}, kernel 6.1): nothing moves for the process,
 * no memory is added, and it takes some 0.2 s for each GiB. Native memory alone is gathered, that of
 * other libraries of the process too; the Java heap is the JVM's, which has {@code
 * -XX:+UseTransparentHugePages} for it. Does nothing on other systems, where the system has huge pages
 * switched off, on a JVM that does not say where its heap is, or with {@code -Dm3j.hugePages=false}.
 */
public final class HugePages {

    private static final Logger LOGGER = LoggerFactory.getLogger(HugePages.class);
    private static final String SWITCH = "m3j.hugePages";

    /** Bytes of copied weights from which on it pays to look after their pages. */
    private static final long MUCH = 256L << 20;

    private static final String SETTINGS = "sys/kernel/mm/transparent_hugepage";
    private static final String MAPS = "proc/self/maps";
    private static final String PAGES = "proc/self/pagemap";

    /** Of each small page, the file has 8 bytes, the highest bit of which tells that it is there. */
    private static final int ENTRY = Long.BYTES;

    // mman.h
    private static final int MADV_COLLAPSE = 25;

    /** Asks the system to gather a block. */
    @FunctionalInterface
    interface Request {
        /**
         * @param address of a block
         * @param bytes of it
         * @return whether it now lies in one page
         */
        boolean gather(long address, long bytes);
    }

    private final Path root;
    private final int small;
    private final Request request;

    /**
     * @param root directory that {@code proc} and {@code sys} lie in
     * @param small bytes of a small page
     * @param request of the system
     */
    HugePages(Path root, int small, Request request) {
        this.root = root;
        this.small = small;
        this.request = request;
    }

    /**
     * Gathers what this process holds in native memory by now; what cannot be gathered stays as it is.
     *
     * @param copied bytes of weights that lie in memory of the process: below 256 MiB nothing is done
     */
    public static void gather(long copied) {
        boolean wanted = Boolean.parseBoolean(System.getProperty(SWITCH, "true"));
        if (!wanted || copied < MUCH || !System.getProperty("os.name").startsWith("Linux")) {
            return;
        }
        long start = System.nanoTime();
        long gathered = 0;
        try {
            NativeLibrary library = NativeLibrary.getInstance("c");
            int small = library.getFunction("getpagesize").invokeInt(new Object[0]);
            Function advise = library.getFunction("madvise");
            Request collapse =
                    (address, bytes) ->
                            advise.invokeInt(
                                            new Object[] {
                                                new Pointer(address), bytes, MADV_COLLAPSE
                                            })
                                    == 0;
            HugePages pages = new HugePages(Path.of("/"), small, collapse);
            gathered = pages.gather(copied, MemoryMap.heapInfo());
        } catch (IOException | LinkageError e) {
            LOGGER.debug("weights stay in the pages that they are in", e);
        }
        long taken = (System.nanoTime() - start) / 1_000_000;
        LOGGER.debug("{} MiB are in huge pages, {} ms", gathered >> 20, taken);
    }

    /**
     * @param copied bytes of weights
     * @param heapInfo of {@link MemoryMap#heapInfo}
     * @return bytes that lie in huge pages now
     */
    long gather(long copied, String heapInfo) throws IOException {
        Path settings = root.resolve(SETTINGS);
        Path enabled = settings.resolve("enabled");
        if (copied < MUCH
                || !Files.isReadable(enabled)
                || Files.readString(enabled).contains("[never]")) {
            return 0;
        }
        long huge = number(settings.resolve("hpage_pmd_size"));
        ByteBuffer entries =
                ByteBuffer.allocate(Math.toIntExact(huge / small * ENTRY))
                        .order(ByteOrder.nativeOrder());
        MemoryMap map = MemoryMap.of(Files.readAllLines(root.resolve(MAPS)), heapInfo);
        long gathered = 0;
        try (FileChannel pages = FileChannel.open(root.resolve(PAGES))) {
            for (long block : map.blocks(huge)) {
                if (isWhole(pages, block, entries) && request.gather(block, huge)) {
                    gathered += huge;
                }
            }
        }
        return gathered;
    }

    private static long number(Path file) throws IOException {
        try {
            return Long.parseLong(Files.readString(file).strip());
        } catch (NumberFormatException e) {
            throw new IOException(file + ": expected a number", e);
        }
    }

    /** Whether all small pages of a block are there: no memory is to be added. */
    private boolean isWhole(FileChannel pages, long block, ByteBuffer entries) throws IOException {
        entries.clear();
        long position = block / small * ENTRY;
        while (entries.hasRemaining() && pages.read(entries, position + entries.position()) > 0) {}
        boolean whole = !entries.hasRemaining();
        entries.flip();
        while (whole && entries.hasRemaining()) {
            whole = entries.getLong() < 0; // the highest bit
        }
        return whole;
    }
}
