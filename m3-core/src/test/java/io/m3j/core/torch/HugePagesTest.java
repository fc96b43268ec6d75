package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Which memory is gathered, on a made-up root of a file system. */
class HugePagesTest {

    private static final int KIBIBYTE = 1 << 10;
    private static final long MEBIBYTE = 1 << 20;
    private static final long MUCH = 256 * MEBIBYTE;

    /** Serial's heap from 16 to 32 MiB, as JDK 17 writes it. */
    private static final String SERIAL =
            " def new generation   total 78656K, used 31036K [0x0000000001000000,"
                    + " 0x0000000001400000, 0x0000000001800000)\n"
                    + "  eden space 69952K,  44% used [0x0000000001000000, 0x0000000001200000,"
                    + " 0x0000000001400000)\n"
                    + " tenured generation   total 174784K, used 0K [0x0000000001800000,"
                    + " 0x0000000002000000, 0x0000000002000000)\n";

    @TempDir private Path root;
    private final List<Long> asked = new ArrayList<>();

    @BeforeEach
    void grant() throws IOException {
        file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        file("sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
    }

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private void maps(String... lines) throws IOException {
        file("proc/self/maps", String.join("\n", lines) + "\n");
    }

    /** Every page up to so many MiB is there but the given one. */
    private void pages(int mebibytes, int small, long missing) throws IOException {
        int count = (int) (mebibytes * MEBIBYTE / small);
        ByteBuffer entries = ByteBuffer.allocate(count * Long.BYTES).order(ByteOrder.nativeOrder());
        for (int page = 0; page < count; page++) {
            entries.putLong(page == missing ? 0x40 : 1L << 63 | page);
        }
        Path file = root.resolve("proc/self/pagemap");
        Files.createDirectories(file.getParent());
        Files.write(file, entries.array());
    }

    private long gather(long copied, int small, String heapInfo) throws IOException {
        return new HugePages(root, small, (address, bytes) -> asked.add(address / MEBIBYTE))
                .gather(copied, heapInfo);
    }

    @Test
    void nativeMemoryIsGatheredAndTheJavaHeapIsLeftAlone() throws IOException {
        pages(64, 4 * KIBIBYTE, -1);
        maps(
                "00100000-00700000 rw-p 00000000 00:00 0                          [heap]",
                // The heap, and what the system shows as one area with it.
                "00c00000-02400000 rw-p 00000000 00:00 0 ",
                "02800000-02c00000 r--p 00000000 00:00 0 ",
                "02c00000-03000000 rwxp 00000000 00:00 0 ",
                "03000000-03400000 rw-p 00000000 08:01 77                         /weights",
                "03400000-03800000 rw-s 00000000 00:01 1045                       /memfd:x",
                "03800000-03900000 rw-p 00000000 00:00 0                          [stack]");
        assertThat(gather(MUCH, 4 * KIBIBYTE, SERIAL)).isEqualTo(6 * 2 * MEBIBYTE);
        assertThat(asked).containsExactly(2L, 4L, 12L, 14L, 32L, 34L);
    }

    @Test
    void aBlockOfWhichAPageIsNotThereGetsNoMemory() throws IOException {
        pages(64, 4 * KIBIBYTE, 1100); // in the block from 4 MiB on
        maps("00200000-00800000 rw-p 00000000 00:00 0 ");
        assertThat(gather(MUCH, 4 * KIBIBYTE, SERIAL)).isEqualTo(4 * MEBIBYTE);
        assertThat(asked).containsExactly(2L, 6L);
    }

    /** ARM's pages may have 16 or 64 KiB, and its huge ones 32 or 512 MiB. */
    @Test
    void pagesHaveTheSizeThatTheSystemSays() throws IOException {
        file("sys/kernel/mm/transparent_hugepage/hpage_pmd_size", 32 * MEBIBYTE + "\n");
        pages(160, 16 * KIBIBYTE, 96 * MEBIBYTE / (16 * KIBIBYTE)); // the first one behind 96 MiB
        maps("02100000-0a000000 rw-p 00000000 00:00 0 ");
        assertThat(gather(MUCH, 16 * KIBIBYTE, SERIAL)).isEqualTo(64 * MEBIBYTE);
        assertThat(asked).containsExactly(64L, 128L);
    }

    @Test
    void fewWeightsAreNotWorthIt() throws IOException {
        pages(64, 4 * KIBIBYTE, -1);
        maps("00200000-00800000 rw-p 00000000 00:00 0 ");
        assertThat(gather(MUCH - 1, 4 * KIBIBYTE, SERIAL)).isZero();
        assertThat(asked).isEmpty();
        assertThat(gather(MUCH, 4 * KIBIBYTE, SERIAL)).isPositive();
    }

    @Test
    void aSystemWithoutHugePagesIsLeftAlone() throws IOException {
        pages(64, 4 * KIBIBYTE, -1);
        maps("00200000-00800000 rw-p 00000000 00:00 0 ");
        file("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
        assertThat(gather(MUCH, 4 * KIBIBYTE, SERIAL)).isZero();
        Files.delete(root.resolve("sys/kernel/mm/transparent_hugepage/enabled"));
        assertThat(gather(MUCH, 4 * KIBIBYTE, SERIAL)).isZero();
        assertThat(asked).isEmpty();
    }

    @Test
    void aHeapThatNobodyTellsFromOtherMemoryIsNotTouched() throws IOException {
        pages(64, 4 * KIBIBYTE, -1);
        maps("00200000-00800000 rw-p 00000000 00:00 0 ");
        assertThat(gather(MUCH, 4 * KIBIBYTE, "")).isZero();
        assertThat(gather(MUCH, 4 * KIBIBYTE, " Heap  used 28M, capacity 256M\n")).isZero();
        // ZGC's, which gives no addresses, is not anonymous.
        maps(
                "00200000-00800000 rw-p 00000000 00:00 0 ",
                "01000000-02000000 rw-s 00000000 00:01 1045         /memfd:java_heap (deleted)");
        assertThat(gather(MUCH, 4 * KIBIBYTE, " ZHeap used 28M, capacity 256M\n"))
                .isEqualTo(6 * MEBIBYTE);
    }

    @Test
    void theHeapIsFoundAsEachCollectorWritesIt() {
        MemoryMap.Span whole = new MemoryMap.Span(0xf0000000L, 0x100000000L);
        String g1 =
                " garbage-first heap   total 262144K, used 11627K [0x00000000f0000000,"
                        + " 0x0000000100000000)\n  region size 1024K, 8 young (8192K)\n";
        assertThat(MemoryMap.of(List.of(), g1).heap()).containsExactly(whole);
        String shenandoah = "Reserved region:\n - [0x00000000f0000000, 0x0000000100000000) \n";
        assertThat(MemoryMap.of(List.of(), shenandoah).heap()).containsExactly(whole);
        String parallel =
                " PSYoungGen      total 76288K, used 30154K [0x00000000fab00000,"
                        + " 0x0000000100000000, 0x0000000100000000)\n"
                        + " ParOldGen       total 175104K, used 0K [0x00000000f0000000,"
                        + " 0x00000000fab00000, 0x00000000fab00000)\n";
        assertThat(MemoryMap.of(List.of(), parallel).heap())
                .containsExactly(
                        new MemoryMap.Span(0xfab00000L, 0x100000000L),
                        new MemoryMap.Span(0xf0000000L, 0xfab00000L));
    }

    /** Of this JVM, whatever its collector. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void thisProcesssHeapIsKnown() throws IOException {
        List<String> maps = Files.readAllLines(Path.of("/proc/self/maps"));
        assertThat(MemoryMap.of(maps, MemoryMap.heapInfo()).anonymous()).isNotEmpty();
    }
}
