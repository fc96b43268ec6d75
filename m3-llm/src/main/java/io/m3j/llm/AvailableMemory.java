package io.m3j.llm;

import ai.djl.Device;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * Memory that the system can still give, where it says so: Linux, also inside a container that may
 * take less than the machine has.
 */
public final class AvailableMemory {

    private static final String MEMORY = "proc/meminfo";
    private static final String AVAILABLE = "MemAvailable:";

    private static final String GROUP = "proc/self/cgroup";
    private static final String UNIFIED = "0::";
    private static final String GROUPS = "sys/fs/cgroup";

    /** Pages of files, which a group gives back before it is refused more. */
    private static final List<String> RECLAIMABLE = List.of("inactive_file ", "active_file ");

    private AvailableMemory() {}

    /**
     * Asked before a large allocation: Linux grants more than there is, and ends the process when it
     * is used. A GPU refuses by itself.
     *
     * @param device where it is to lie
     * @return bytes, or the greatest number on a GPU and where the system does not say
     */
    public static long bytes(Device device) {
        return device.isGpu() ? Long.MAX_VALUE : bytes(Path.of("/"));
    }

    /**
     * @param root directory that {@code proc} and {@code sys} lie in
     */
    static long bytes(Path root) {
        long machine =
                read(root.resolve(MEMORY), text -> number(text, AVAILABLE) << 10, Long.MAX_VALUE);
        return Math.min(machine, group(root));
    }

    /** The least that the group of this process, or one around it, may still take. */
    private static long group(Path root) {
        Path groups = root.resolve(GROUPS).normalize();
        Optional<String> own =
                lines(root.resolve(GROUP)).stream()
                        .filter(line -> line.startsWith(UNIFIED))
                        .map(line -> line.substring(UNIFIED.length() + 1))
                        .findFirst();
        long least = Long.MAX_VALUE;
        Path group = groups.resolve(own.orElse("")).normalize();
        while (group != null && group.startsWith(groups)) {
            least = Math.min(least, left(group));
            group = group.getParent();
        }
        return least;
    }

    private static long left(Path group) {
        // "max" where there is no limit, and no file at all in the outermost group.
        long limit = read(group.resolve("memory.max"), text -> Long.parseLong(text.strip()), -1);
        if (limit < 0) {
            return Long.MAX_VALUE;
        }
        long used = read(group.resolve("memory.current"), text -> Long.parseLong(text.strip()), 0);
        long files =
                RECLAIMABLE.stream()
                        .mapToLong(
                                key -> read(group.resolve("memory.stat"), t -> number(t, key), 0))
                        .sum();
        return Math.max(0, limit - Math.max(0, used - files));
    }

    private static long number(String text, String key) {
        return Arrays.stream(text.split("\n"))
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(key.length()).strip().split(" ")[0])
                .mapToLong(Long::parseLong)
                .findFirst()
                .orElseThrow(NumberFormatException::new);
    }

    private static List<String> lines(Path file) {
        try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
            return lines.toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    private static long read(Path file, ToLongFunction<String> value, long otherwise) {
        try {
            return value.applyAsLong(Files.readString(file, StandardCharsets.UTF_8));
        } catch (IOException | NumberFormatException e) {
            return otherwise; // another system, or no limit
        }
    }
}
