package io.m3j.eval;

import io.m3j.core.Checksum;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Tells files from others by names and content: a CRC-32C, which reads gigabytes in a second. Against
 * mix-ups, not against forgery.
 */
public final class Fingerprint {

    /** What answers depend on: configuration, tokenizer, weights. */
    private static final Pattern OF_A_CHECKPOINT =
            Pattern.compile(".*\\.(json|model|safetensors|bin|jinja)");

    private Fingerprint() {}

    /**
     * @param directory of a checkpoint
     * @return the fingerprint of what a model is loaded from
     * @throws M3Exception if a file cannot be read
     */
    public static String ofCheckpoint(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return of(
                    files.filter(file -> OF_A_CHECKPOINT.matcher(file.toString()).matches())
                            .filter(Files::isRegularFile)
                            .sorted()
                            .toList());
        } catch (IOException e) {
            throw new M3Exception("model " + directory + ": cannot be read (" + e + ")", e);
        }
    }

    /**
     * @param files in an order that is always the same
     * @return eight hexadecimal digits
     * @throws M3Exception if a file cannot be read
     */
    public static String of(List<Path> files) {
        Checksum sum = new Checksum();
        for (Path file : files) {
            try {
                sum.add(file.getFileName().toString()).add(file);
            } catch (NoSuchFileException e) {
                throw new M3Exception(file + ": no such file", e);
            } catch (IOException e) {
                throw new M3Exception(file + ": cannot be read (" + e + ")", e);
            }
        }
        return sum.digits();
    }
}
