package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a made-up root of a file system. */
class AvailableMemoryTest {

    private static final long MEBIBYTE = 1 << 20;

    @TempDir private Path root;

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    @Test
    void aSystemThatSaysNothingHasNoLimit() {
        assertThat(AvailableMemory.bytes(root)).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void theMachineSaysWhatItHas() throws IOException {
        file("proc/meminfo", "MemTotal: 900 kB\nMemAvailable:   4096 kB\nBuffers: 1 kB\n");
        assertThat(AvailableMemory.bytes(root)).isEqualTo(4 * MEBIBYTE);
    }

    @Test
    void aContainerMayTakeLessAndItsPagesOfFilesAreGivenBack() throws IOException {
        file("proc/meminfo", "MemAvailable: 409600 kB\n");
        file("proc/self/cgroup", "0::/\n");
        file("sys/fs/cgroup/memory.max", (100 * MEBIBYTE) + "\n");
        file("sys/fs/cgroup/memory.current", (90 * MEBIBYTE) + "\n");
        file(
                "sys/fs/cgroup/memory.stat",
                "anon 1\nfile 2\ninactive_file " + 20 * MEBIBYTE + "\nactive_file 0\n");
        assertThat(AvailableMemory.bytes(root)).isEqualTo(30 * MEBIBYTE);
    }

    @Test
    void theTightestOfTheGroupsAroundCounts() throws IOException {
        file("proc/meminfo", "MemAvailable: 409600 kB\n");
        file("proc/self/cgroup", "0::/outer/inner\n");
        file("sys/fs/cgroup/outer/inner/memory.max", "max\n");
        file("sys/fs/cgroup/outer/memory.max", (50 * MEBIBYTE) + "\n");
        file("sys/fs/cgroup/outer/memory.current", (10 * MEBIBYTE) + "\n");
        assertThat(AvailableMemory.bytes(root)).isEqualTo(40 * MEBIBYTE);
        file("sys/fs/cgroup/outer/memory.current", (60 * MEBIBYTE) + "\n");
        assertThat(AvailableMemory.bytes(root)).isZero();
    }
}
