package io.m3j.core;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * A CRC-32C of files and texts, which reads gigabytes in a second. Against faults and mix-ups, not
 * against forgery.
 */
public final class Checksum {

    private static final int PIECE_BYTES = 1 << 20;

    private final CRC32C sum = new CRC32C();

    /** The checksum of nothing. */
    public Checksum() {}

    /**
     * @param text that comes behind what was added before
     * @return this
     */
    public Checksum add(String text) {
        sum.update(text.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    /**
     * @param file whose bytes come behind what was added before
     * @return this
     * @throws IOException if it cannot be read
     */
    public Checksum add(Path file) throws IOException {
        byte[] piece = new byte[PIECE_BYTES];
        try (InputStream stream = Files.newInputStream(file)) {
            for (int read = stream.read(piece); read >= 0; read = stream.read(piece)) {
                sum.update(piece, 0, read);
            }
        }
        return this;
    }

    /**
     * @return eight hexadecimal digits
     */
    public String digits() {
        return String.format(Locale.ROOT, "%08x", sum.getValue());
    }
}
