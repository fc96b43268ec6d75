package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class NativeMemoryTest {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int PIECES = 60;
    private static final Shape FOUR_MEBIBYTES = new Shape(1 << 20);
    private static final Shape SMALL = new Shape(1 << 12);

    /** As while a model is loaded: what is freed lies between what stays. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void whatIsFreedBetweenWhatStaysIsGivenBack() throws IOException {
        assumeThat(System.getenv().getOrDefault("GLIBC_TUNABLES", "") + System.getenv("LD_PRELOAD"))
                .as("an allocator with thresholds of ours")
                .doesNotContain("_threshold=", "malloc");
        try (Kernels kernels = Kernels.load(Device.cpu());
                NDManager kept = kernels.newManager()) {
            try (NDManager freed = kernels.newManager()) {
                for (int i = 0; i < PIECES; i++) {
                    freed.ones(FOUR_MEBIBYTES);
                    kept.ones(SMALL);
                }
            }
            long before = own();
            NativeMemory.giveBackFreed();
            long givenBack = before - own();
            System.out.println(givenBack + " of " + PIECES * 4096 + " kB were given back");
            assertThat(givenBack).isGreaterThan(PIECES * 4096 / 2);
        }
    }

    /** Memory of the process's own, kB. */
    private static long own() throws IOException {
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith("RssAnon"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
