package io.m3j.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Files and directories that are there whole or not at all, whenever the process is killed or the power
 * fails: written beside their place, forced to the disk, renamed, and the new name forced too.
 */
public final class DurableFiles {

    /** What the names of files and directories that are not complete yet begin with. */
    public static final String UNFINISHED = ".unfinished-";

    private DurableFiles() {}

    /** What fills a file. */
    @FunctionalInterface
    public interface FileContent {
        /**
         * @param channel of the file, empty so far
         * @throws IOException if it cannot be written
         */
        void writeTo(FileChannel channel) throws IOException;
    }

    /** What fills a directory. */
    @FunctionalInterface
    public interface DirectoryContent {
        /**
         * @param directory that exists, empty so far
         * @throws IOException if it cannot be written
         */
        void writeTo(Path directory) throws IOException;
    }

    /**
     * Writes a file that is to be renamed, and forces it to the disk.
     *
     * @param file none of its name may exist
     * @param content what is in it
     * @throws IOException if it cannot be written
     */
    public static void create(Path file, FileContent content) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
            channel.force(true);
        }
    }

    /**
     * Writes a file; one of that name is replaced at once.
     *
     * @param file its path; the directory must exist
     * @param content its bytes
     * @throws M3Exception if it cannot be written
     */
    public static void replace(Path file, byte[] content) {
        Path beside = beside(file);
        try {
            Files.deleteIfExists(beside);
            create(beside, channel -> writeFully(channel, ByteBuffer.wrap(content)));
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
            forceDirectory(file.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /**
     * Writes a text in UTF-8; a file of that name is replaced at once.
     *
     * @param file its path; the directory must exist
     * @param text what is in it
     * @throws M3Exception if it cannot be written
     */
    public static void replace(Path file, String text) {
        replace(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes a directory with all that is in it. One of that name gives its name up first, so that
     * between the two there is none, but never half of one.
     *
     * @param place its path; the directory around it must exist
     * @param content writes its files
     * @throws M3Exception if it cannot be written
     */
    public static void publish(Path place, DirectoryContent content) {
        Path beside = beside(place);
        try {
            deleteTree(beside);
            Files.createDirectory(beside);
            content.writeTo(beside);
            forceTree(beside);
            discard(place);
            Files.move(beside, place, StandardCopyOption.ATOMIC_MOVE);
            forceDirectory(place.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw failed(place, e);
        }
    }

    /**
     * Removes a directory and all in it, which loses its name first; nothing if there is none.
     *
     * @param place its path
     * @throws IOException if it cannot be removed
     */
    public static void discard(Path place) throws IOException {
        if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
            Path beside = place.resolveSibling(UNFINISHED + "deleted-" + place.getFileName());
            deleteTree(beside);
            Files.move(place, beside, StandardCopyOption.ATOMIC_MOVE);
            deleteTree(beside);
        }
    }

    /**
     * Removes a directory and all in it, one file after the other; nothing if there is none.
     *
     * @param directory its path
     * @throws IOException if it cannot be removed
     */
    public static void deleteTree(Path directory) throws IOException {
        if (Files.notExists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        List<Path> paths;
        try (Stream<Path> all = Files.walk(directory)) {
            paths = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }

    /** Forces all files under a directory, and the names of them. */
    private static void forceTree(Path directory) throws IOException {
        List<Path> paths;
        try (Stream<Path> all = Files.walk(directory)) {
            paths = all.toList();
        }
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                forceDirectory(path);
            } else {
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
    }

    /**
     * Forces the names in a directory to the disk. Not every system lets a directory be opened (Windows
     * does not); there it is left out.
     *
     * @param directory that exists
     */
    public static void forceDirectory(Path directory) {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            // The names are there; only their moment on the disk is not known.
            return;
        }
    }

    private static Path beside(Path place) {
        return place.resolveSibling(UNFINISHED + place.getFileName());
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static M3Exception failed(Path place, IOException e) {
        return new M3Exception(place + ": cannot be written: " + e, e);
    }
}
