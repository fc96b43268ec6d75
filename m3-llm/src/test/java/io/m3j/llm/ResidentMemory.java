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
    private static final int ROUNDS = 3;

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

    /**
     * Runs something again and again, which must take no more memory than {@code slack}. The Java heap is a
     * part of what is measured and may still be growing; it comes to an end, and what leaks does not. So one
     * round of several that gains less is enough.
     */
    static void assertFlat(long slack, Runnable action, int times) {
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS && least >= slack; round++) {
            long before = bytes();
            for (int i = 0; i < times; i++) {
                action.run();
            }
            least = Math.min(least, bytes() - before);
        }
        assertThat(least).as("least bytes gained by %d runs", times).isLessThan(slack);
    }
}
