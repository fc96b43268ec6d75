package io.m3j.eval;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Files that are there as a whole or not at all: written beside, synced, renamed. */
final class WholeFile {

    private WholeFile() {}

    /** What fills a file. */
    @FunctionalInterface
    interface Content {
        void write(OutputStream stream) throws IOException;
    }

    static void write(Path file, String text) {
        write(file, stream -> stream.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    static void write(Path file, Content content) {
        Path beside = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            try (OutputStream stream = Files.newOutputStream(beside)) {
                content.write(stream);
            }
            try (FileChannel channel = FileChannel.open(beside, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be written (" + e + ")", e);
        }
    }
}
