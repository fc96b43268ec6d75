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
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Weights in pages of 2 MiB instead of 4 KiB. One step of decoding reads all weights, and with small
 * pages the processor spends a fifth of that time or more, most of all under a hypervisor, on finding
 * where they are.
 *
 * <p>libtorch asks for huge pages for its own arrays ({@code THP_MEM_ALLOC_ENABLE=1}), but not for those
 * that oneDNN packs, and memory that was used before keeps its small pages. So after loading, Linux is
 * asked to gather what lies in memory ({@code MADV_COLLAPSE}, kernel 6.1): nothing moves for the process,
 * no memory is added, and it takes some 0.2 s for each GiB. Does nothing on other systems, where the system
 * has huge pages switched off, or with {@code -Dm3j.hugePages=false}.
 */
public final class HugePages {

    private static final Logger LOGGER = LoggerFactory.getLogger(HugePages.class);
    private static final String SWITCH = "m3j.hugePages";

    private static final Path ENABLED = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final Path MAPS = Path.of("/proc/self/maps");
    private static final Path PAGES = Path.of("/proc/self/pagemap");

    /** Memory of the process alone that it may write, without a file behind it. */
    private static final Pattern ANONYMOUS =
            Pattern.compile("([0-9a-f]+)-([0-9a-f]+) rw.p \\S+ 00:00 0 *(?:\\[heap])?");

    private static final int HUGE = 2 << 20;
    private static final int SMALL = 4 << 10;

    /** Of each small page, the file has 8 bytes, the highest bit of which tells that it is there. */
    private static final int ENTRY = Long.BYTES;

    private static final int HUGE_ENTRIES = HUGE / SMALL;

    // mman.h
    private static final int MADV_COLLAPSE = 25;

    private HugePages() {}

    /** Gathers what this process holds in memory by now; what cannot be gathered stays as it is. */
    public static void gather() {
        if (!Boolean.parseBoolean(System.getProperty(SWITCH, "true")) || !grantsHugePages()) {
            return;
        }
        long start = System.nanoTime();
        long gathered = 0;
        try (FileChannel pages = FileChannel.open(PAGES)) {
            Function advise = NativeLibrary.getInstance("c").getFunction("madvise");
            List<String> maps = Files.readAllLines(MAPS);
            for (String line : maps) {
                Matcher area = ANONYMOUS.matcher(line);
                if (area.matches()) {
                    long from = Long.parseUnsignedLong(area.group(1), 16);
                    long to = Long.parseUnsignedLong(area.group(2), 16);
                    gathered += gather(advise, pages, from, to);
                }
            }
        } catch (IOException | LinkageError e) {
            LOGGER.debug("weights stay in the pages that they are in", e);
        }
        long taken = (System.nanoTime() - start) / 1_000_000;
        LOGGER.debug("{} MiB are in huge pages, {} ms", gathered >> 20, taken);
    }

    private static boolean grantsHugePages() {
        try {
            return Files.isReadable(ENABLED) && !Files.readString(ENABLED).contains("[never]");
        } catch (IOException e) {
            return false;
        }
    }

    /** The aligned blocks of an area whose small pages are all there: no memory is to be added. */
    private static long gather(Function advise, FileChannel pages, long from, long to)
            throws IOException {
        long first = (from + HUGE - 1) / HUGE * HUGE;
        long gathered = 0;
        ByteBuffer entries =
                ByteBuffer.allocate(HUGE_ENTRIES * ENTRY).order(ByteOrder.nativeOrder());
        for (long block = first; block + HUGE <= to; block += HUGE) {
            entries.clear();
            while (entries.hasRemaining()
                    && pages.read(entries, block / SMALL * ENTRY + entries.position()) > 0) {}
            if (isWhole(entries.flip())
                    && advise.invokeInt(
                                    new Object[] {new Pointer(block), (long) HUGE, MADV_COLLAPSE})
                            == 0) {
                gathered += HUGE;
            }
        }
        return gathered;
    }

    private static boolean isWhole(ByteBuffer entries) {
        boolean whole = entries.remaining() == HUGE_ENTRIES * ENTRY;
        while (whole && entries.hasRemaining()) {
            whole = entries.getLong() < 0; // the highest bit
        }
        return whole;
    }
}
