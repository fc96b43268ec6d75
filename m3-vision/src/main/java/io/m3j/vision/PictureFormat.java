package io.m3j.vision;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The kinds of file that are read, told apart by their first bytes. */
enum PictureFormat {
    PNG("\u0089PNG\r\n\u001a\n", "png", "com.sun."),
    JPEG("\u00ff\u00d8\u00ff", "jpeg", "com.twelvemonkeys."),
    GIF("GIF8", "gif", "com.sun."),
    BMP("BM", "bmp", "com.sun."),
    WEBP("RIFF", "webp", "com.twelvemonkeys.") {
        private static final int FORM = 8;
        private static final int FIRST_CHUNK = 12;
        private static final int FLAGS = 20;
        private static final int HAS_COLOUR_PROFILE = 0x20;

        @Override
        boolean matches(byte[] encoded) {
            return super.matches(encoded) && says(encoded, FORM, "WEBP");
        }

        /** Pillow ignores the colour profile; the plug-in would apply it. */
        @Override
        void prepare(byte[] encoded) throws IOException {
            long promised =
                    Integer.toUnsignedLong(
                            ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN).getInt(4));
            if (promised + FORM > encoded.length) {
                throw new EOFException(
                        "the header promises "
                                + (promised + FORM)
                                + " bytes, found "
                                + encoded.length);
            }
            if (encoded.length > FLAGS && says(encoded, FIRST_CHUNK, "VP8X")) {
                encoded[FLAGS] &= ~HAS_COLOUR_PROFILE;
            }
        }
    };

    private final String start;
    private final String plugin;
    private final String preferred;

    PictureFormat(String start, String plugin, String preferred) {
        this.start = start;
        this.plugin = plugin;
        this.preferred = preferred;
    }

    /**
     * @return the format, or null for bytes of none
     */
    static PictureFormat of(byte[] encoded) {
        return Arrays.stream(values())
                .filter(format -> format.matches(encoded))
                .findFirst()
                .orElse(null);
    }

    boolean matches(byte[] encoded) {
        return says(encoded, 0, start);
    }

    /** Checks and changes what the plug-in would take wrongly. */
    void prepare(byte[] encoded) throws IOException {}

    /** The name that ImageIO has for the format. */
    String plugin() {
        return plugin;
    }

    /** Where the classes of the reader begin that the tests know, if an application brings others. */
    String preferred() {
        return preferred;
    }

    private static boolean says(byte[] encoded, int offset, String text) {
        byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
        return encoded.length >= offset + expected.length
                && Arrays.equals(
                        encoded, offset, offset + expected.length, expected, 0, expected.length);
    }
}
