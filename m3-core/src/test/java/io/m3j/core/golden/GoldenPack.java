package io.m3j.core.golden;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * One pack of fixtures: a zip of files, some of them taken apart as {@link PackedNumbers} says, and
 * the SHA-256 of each file before it was packed.
 */
final class GoldenPack {

    /** The entry that lists a digest, two spaces and a path a line, as {@code sha256sum} does. */
    static final String MANIFEST = "MANIFEST.sha256";

    /** The entry that gives the {@link PackedNumbers} by path; sources stand before their users. */
    static final String RECIPE = "RECIPE.json";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int DIGEST_DIGITS = 64;

    private final String name;
    private final Map<String, byte[]> files;
    private final Map<String, String> digests;

    private GoldenPack(String name, Map<String, byte[]> files) {
        this.name = name;
        this.files = files;
        this.digests = digests(new String(take(MANIFEST), StandardCharsets.UTF_8));
    }

    /**
     * Reads a pack and checks every file in it.
     *
     * @param name to be used in messages
     * @param zip the pack's bytes
     * @return the files as they were before they were packed
     * @throws IllegalStateException if a file is missing or is not what was packed
     */
    static GoldenPack read(String name, byte[] zip) {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        try (ZipInputStream stream = new ZipInputStream(new ByteArrayInputStream(zip))) {
            for (ZipEntry e = stream.getNextEntry(); e != null; e = stream.getNextEntry()) {
                entries.put(e.getName(), stream.readAllBytes());
            }
            GoldenPack pack = new GoldenPack(name, entries);
            pack.joinNumbers(pack.take(RECIPE));
            pack.digests.forEach(pack::check);
            return pack;
        } catch (IOException | IndexOutOfBoundsException | IllegalArgumentException e) {
            throw damaged(name, e.toString(), e);
        }
    }

    /** The name of the entry that holds one byte of each of a file's words. */
    static String plane(String path, int index) {
        return path + "#" + index;
    }

    /** {@return the digests of a manifest by path, in its order} */
    static Map<String, String> digests(String manifest) {
        Map<String, String> digests = new LinkedHashMap<>();
        manifest.lines()
                .forEach(
                        line ->
                                digests.put(
                                        line.substring(DIGEST_DIGITS + 2),
                                        line.substring(0, DIGEST_DIGITS)));
        return digests;
    }

    private void joinNumbers(byte[] recipe) throws IOException {
        Map<String, PackedNumbers> packed =
                JSON.readValue(
                        recipe, new TypeReference<LinkedHashMap<String, PackedNumbers>>() {});
        packed.forEach(
                (path, numbers) -> {
                    byte[][] planes = new byte[numbers.width()][];
                    Arrays.setAll(planes, k -> take(plane(path, k)));
                    files.put(
                            path, numbers.join(new PackedNumbers.Parts(take(path), planes), files));
                });
    }

    private byte[] take(String entry) {
        byte[] content = files.remove(entry);
        if (content == null) {
            throw damaged(name, "it has no entry " + entry, null);
        }
        return content;
    }

    private void check(String path, String digest) {
        byte[] content = files.get(path);
        String found = content == null ? "nothing" : sha256(content);
        if (!found.equals(digest)) {
            String problem = path + " should have SHA-256 " + digest + ", found " + found;
            throw damaged(name, problem, null);
        }
    }

    /** {@return the digest of each file by its path} */
    Map<String, String> digests() {
        return digests;
    }

    /**
     * Writes the files that are not there yet, or not as they should be, below a directory.
     *
     * <p>A lock file keeps other processes (modules that Maven builds at the same time, forks of
     * one test run) from reading what is half written.
     *
     * @param home the directory, made if need be
     * @return {@code home}
     */
    Path restore(Path home) throws IOException {
        Files.createDirectories(home);
        Path lock = home.resolve(name + ".lock");
        // A file lock holds between processes only, the monitor between threads.
        synchronized (GoldenPack.class) {
            try (FileChannel channel = FileChannel.open(lock, CREATE, WRITE)) {
                channel.lock(); // until the channel is closed
                for (Map.Entry<String, String> entry : digests.entrySet()) {
                    Path file = home.resolve(entry.getKey());
                    if (!Files.exists(file)
                            || !sha256(Files.readAllBytes(file)).equals(entry.getValue())) {
                        Files.createDirectories(file.getParent());
                        Files.write(file, files.get(entry.getKey()));
                    }
                }
            }
        }
        return home;
    }

    private static IllegalStateException damaged(String name, String problem, Exception cause) {
        return new IllegalStateException(
                "the fixture pack " + name + " is damaged: " + problem, cause);
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
