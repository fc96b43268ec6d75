package io.m3j.core.torch;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * Where a process has native memory of its own, and where its Java heap lies: not the same.
 *
 * @param anonymous memory that the process alone may write, without a file behind it
 * @param heap what the Java heap may grow to
 */
record MemoryMap(List<Span> anonymous, List<Span> heap) {

    // proc(5): from-to, rights, offset, device, inode, name
    private static final Pattern ANONYMOUS =
            Pattern.compile("([0-9a-f]+)-([0-9a-f]+) rw-p \\S+ 00:00 0 *(?:\\[heap])?");

    /** How HotSpot's collectors write a part of the heap: first, sometimes used, last address. */
    private static final Pattern PART =
            Pattern.compile("\\[0x([0-9a-f]+), (?:0x[0-9a-f]+, )?0x([0-9a-f]+)\\)");

    /** ZGC's heap is a file in memory, so it is not among the anonymous. */
    private static final String HEAP_IN_A_FILE = "java_heap";

    /**
     * Some memory, by its addresses.
     *
     * @param from the first
     * @param to the first behind it
     */
    record Span(long from, long to) {

        /** Of the first two groups, in hexadecimal. */
        private static Span of(MatchResult match) {
            return new Span(
                    Long.parseUnsignedLong(match.group(1), 16),
                    Long.parseUnsignedLong(match.group(2), 16));
        }

        private boolean meets(Span other) {
            return from < other.to && other.from < to;
        }
    }

    /**
     * @param maps the lines of {@code /proc/self/maps}
     * @param heapInfo what {@link #heapInfo} says
     * @return the map; without any native memory if nobody says where the heap is, since nothing can
     *     then be told from it
     */
    static MemoryMap of(List<String> maps, String heapInfo) {
        List<Span> heap = PART.matcher(heapInfo).results().map(Span::of).toList();
        boolean known =
                !heap.isEmpty() || maps.stream().anyMatch(line -> line.contains(HEAP_IN_A_FILE));
        List<Span> anonymous = new ArrayList<>();
        for (String line : known ? maps : List.<String>of()) {
            Matcher area = ANONYMOUS.matcher(line);
            if (area.matches()) {
                anonymous.add(Span.of(area));
            }
        }
        return new MemoryMap(List.copyOf(anonymous), heap);
    }

    /**
     * @return what {@code jcmd GC.heap_info} prints of this process; empty on another JVM than HotSpot
     */
    static String heapInfo() {
        try {
            ObjectName commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
            Object[] none = {null};
            String[] signature = {String[].class.getName()};
            return ManagementFactory.getPlatformMBeanServer()
                    .invoke(commands, "gcHeapInfo", none, signature)
                    .toString();
        } catch (JMException e) {
            return "";
        }
    }

    /**
     * Native memory in whole aligned blocks. The system shows neighbours of equal rights as one area, so
     * that an area may hold the heap beside other memory.
     *
     * @param bytes of a block
     * @return the first address of each block that has nothing of the heap
     */
    List<Long> blocks(long bytes) {
        List<Long> blocks = new ArrayList<>();
        for (Span area : anonymous) {
            long first = (area.from + bytes - 1) / bytes * bytes;
            for (long block = first; block + bytes <= area.to; block += bytes) {
                Span whole = new Span(block, block + bytes);
                if (heap.stream().noneMatch(whole::meets)) {
                    blocks.add(block);
                }
            }
        }
        return blocks;
    }
}
