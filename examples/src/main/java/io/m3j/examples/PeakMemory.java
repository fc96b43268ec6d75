package io.m3j.examples;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The most memory that this process had in use, where the system tells it. */
final class PeakMemory {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Pattern LINE = Pattern.compile("VmHWM:\\s*(\\d+) kB");
    private static final double KIBIBYTES = 1024;

    private PeakMemory() {}

    static OptionalDouble mebibytes() {
        try {
            Matcher line = LINE.matcher(Files.readString(STATUS, StandardCharsets.UTF_8));
            return line.find()
                    ? OptionalDouble.of(Long.parseLong(line.group(1)) / KIBIBYTES)
                    : OptionalDouble.empty();
        } catch (IOException e) {
            return OptionalDouble.empty(); // no Linux
        }
    }
}
