package io.m3j.llm;

import ai.djl.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Memory that can still be had, where that must be asked for. */
final class AvailableMemory {

    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final String AVAILABLE = "MemAvailable:";

    private AvailableMemory() {}

    /**
     * Asked before a large allocation: Linux grants more than there is, and ends the process when it
     * is used. A GPU refuses by itself.
     *
     * @param device where it is to lie
     * @return bytes, or the greatest number where the system does not say
     */
    static long bytes(Device device) {
        if (device.isGpu() || !Files.isReadable(MEMORY)) {
            return Long.MAX_VALUE;
        }
        try (Stream<String> lines = Files.lines(MEMORY)) {
            return lines.filter(line -> line.startsWith(AVAILABLE))
                    .map(line -> line.substring(AVAILABLE.length()).strip().split(" ")[0])
                    .mapToLong(kibibytes -> Long.parseLong(kibibytes) << 10)
                    .findFirst()
                    .orElse(Long.MAX_VALUE);
        } catch (IOException | NumberFormatException e) {
            return Long.MAX_VALUE; // a system that says it otherwise
        }
    }
}
