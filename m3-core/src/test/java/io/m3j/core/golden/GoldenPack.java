package io.m3j.core.golden;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * One pack of fixtures: a zip of files and, as {@value #MANIFEST}, the SHA-256 of each of them.
 */
final class GoldenPack {

    /** The entry that lists a digest, two spaces and a path a line, as {@code sha256sum} does. */
    static final String MANIFEST = "MANIFEST.sha256";

    private final String name;
    private final Map<String, byte[]> files;
    private final Map<String, String> digests = new LinkedHashMap<>();

    private GoldenPack(String name, Map<String, byte[]> files) {
        this.name = name;
        this.files = files;
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
        } catch (IOException e) {
            throw new IllegalStateException("the fixture pack " + name + " is damaged", e);
        }
        byte[] manifest = entries.remove(MANIFEST);
        if (manifest == null) {
            throw new IllegalStateException(
                    "the fixture pack " + name + " is damaged: no " + MANIFEST);
        }
        GoldenPack pack = new GoldenPack(name, entries);
        new String(manifest, StandardCharsets.UTF_8)
                .lines()
                .forEach(line -> pack.digests.put(line.substring(66), line.substring(0, 64)));
        pack.digests.forEach(pack::check);
        return pack;
    }

    private void check(String path, String digest) {
        byte[] content = files.get(path);
        String found = content == null ? "nothing" : sha256(content);
        if (!found.equals(digest)) {
            throw new IllegalStateException(
                    "the fixture pack %s is damaged: %s should have SHA-256 %s, found %s"
                            .formatted(name, path, digest, found));
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
    synchronized Path restore(Path home) throws IOException {
        Files.createDirectories(home);
        try (FileChannel channel =
                        FileChannel.open(
                                home.resolve(name + ".lock"),
                                StandardOpenOption.CREATE,
                                StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            for (Map.Entry<String, String> entry : digests.entrySet()) {
                Path file = home.resolve(entry.getKey());
                if (!lock.isValid()) {
                    throw new IOException("lost the lock of " + home);
                }
                if (!Files.exists(file)
                        || !sha256(Files.readAllBytes(file)).equals(entry.getValue())) {
                    Files.createDirectories(file.getParent());
                    Files.write(file, files.get(entry.getKey()));
                }
            }
        }
        return home;
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
