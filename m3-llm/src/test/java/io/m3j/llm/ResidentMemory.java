package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the process holds in memory, where the system tells it (Linux's /proc/self/statm). */
final class ResidentMemory {

    private static final Path STATM = Path.of("/proc/self/statm");
    private static final int PAGE = 4096;

    private ResidentMemory() {}

    /**
     * @return bytes, after the garbage collector has freed what it can; 0 where nobody tells
     */
    static long bytes() {
        if (!Files.exists(STATM)) {
            return 0;
        }
        try {
            System.gc();
            return Long.parseLong(Files.readString(STATM).split(" ")[1]) * PAGE;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs something again and again, which must take no more memory than {@code slack}. */
    static void assertFlat(long slack, Runnable action, int times) {
        long before = bytes();
        for (int i = 0; i < times; i++) {
            action.run();
        }
        assertThat(bytes() - before).as("bytes gained by %d runs", times).isLessThan(slack);
    }
}
