package io.m3j.vision.video;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A folder with a picture for each frame. */
final class PictureFolder {

    private static final Pattern PART = Pattern.compile("[0-9]+|[^0-9]+");

    private PictureFolder() {}

    static VideoFrames open(Path folder, double framesPerSecond, ImageReading reading) {
        String name = "folder of frames " + folder;
        if (!Files.isDirectory(folder)) {
            throw new M3Exception(
                    name
                            + (Files.exists(folder)
                                    ? ": a folder expected, found a file"
                                    : ": no such folder"));
        }
        List<Path> files = files(folder, name);
        if (files.isEmpty()) {
            throw new M3Exception(name + ": expected a picture for each frame, found no file");
        }
        return new SteadyFrames<>(
                name,
                files.iterator(),
                file -> picture(file, reading, name),
                framesPerSecond,
                OptionalLong.of(files.size()),
                () -> {});
    }

    private static M3Image picture(Path file, ImageReading reading, String name) {
        try {
            return M3Image.of(file, reading);
        } catch (M3Exception e) {
            throw new M3Exception(
                    name
                            + ": "
                            + e.getMessage()
                            + "; a folder of frames holds pictures that can be read alone: take this file out"
                            + " of it, or begin its name with a dot, and it is passed over",
                    e);
        }
    }

    private static List<Path> files(Path folder, String name) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(file -> !file.getFileName().toString().startsWith("."))
                    .filter(file -> !Files.isDirectory(file))
                    .sorted(Comparator.comparing(file -> file.getFileName().toString(), BY_NUMBERS))
                    .toList();
        } catch (IOException e) {
            throw new M3Exception(name + ": cannot be read (" + e + ")", e);
        }
    }

    /** Text by its characters, numbers in it by their value; equal ones, such as 7 and 07, by the text. */
    static final Comparator<String> BY_NUMBERS =
            ((Comparator<String>) PictureFolder::compare).thenComparing(Comparator.naturalOrder());

    private static int compare(String one, String other) {
        Matcher left = PART.matcher(one);
        Matcher right = PART.matcher(other);
        while (true) {
            boolean more = left.find();
            if (!right.find()) {
                return more ? 1 : 0;
            }
            if (!more) {
                return -1;
            }
            int order = comparePart(left.group(), right.group());
            if (order != 0) {
                return order;
            }
        }
    }

    private static int comparePart(String one, String other) {
        return isNumber(one) && isNumber(other)
                ? new BigInteger(one).compareTo(new BigInteger(other))
                : one.compareTo(other);
    }

    private static boolean isNumber(String part) {
        return part.charAt(0) >= '0' && part.charAt(0) <= '9';
    }
}
