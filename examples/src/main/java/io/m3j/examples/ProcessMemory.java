package io.m3j.examples;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What this process has in memory, in MiB.
 *
 * @param resident all of it
 * @param anonymous what lies in no file: heaps, copies, packed weights
 * @param file what lies in files, such as mapped weights; the system shares it and can drop it
 */
record ProcessMemory(double resident, double anonymous, double file) {

    // proc(5); only Linux has them.
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");
    private static final String FORGET_PEAK = "5";

    private static final Pattern LINE = Pattern.compile("(\\w+):\\s*(\\d+) kB");
    private static final double KIBIBYTES = 1024;

    /** Where the system tells it. */
    static Optional<ProcessMemory> now() {
        String status = read(STATUS);
        OptionalDouble resident = value(status, "VmRSS");
        OptionalDouble anonymous = value(status, "RssAnon");
        OptionalDouble file = value(status, "RssFile");
        return resident.isPresent() && anonymous.isPresent() && file.isPresent()
                ? Optional.of(
                        new ProcessMemory(
                                resident.getAsDouble(),
                                anonymous.getAsDouble(),
                                file.getAsDouble()))
                : Optional.empty();
    }

    /** The most that was resident since the start or since {@link #forgetPeak}. */
    static OptionalDouble peak() {
        return value(read(STATUS), "VmHWM");
    }

    /** Whether the system has done so. */
    static boolean forgetPeak() {
        try {
            Files.writeString(CLEAR, FORGET_PEAK, StandardOpenOption.WRITE);
            return true;
        } catch (IOException e) {
            return false; // no Linux, or one that does not allow it
        }
    }

    private static String read(Path path) {
        try {
            return Files.readString(path, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return ""; // no Linux
        }
    }

    private static OptionalDouble value(String text, String name) {
        Matcher line = LINE.matcher(text);
        while (line.find()) {
            if (line.group(1).equals(name)) {
                return OptionalDouble.of(Long.parseLong(line.group(2)) / KIBIBYTES);
            }
        }
        return OptionalDouble.empty();
    }
}
