package io.m3j.vision;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The kinds of file that are read, told apart by their first bytes. */
enum PictureFormat {
    PNG("\u0089PNG\r\n\u001a\n", "png", "com.sun.") {
        private static final int FIRST_CHUNK = 8;
        private static final int LENGTH_TYPE_AND_CHECKSUM = 12;

        /** The orientation may stand behind the pixels, so the end must be there. */
        @Override
        void requireWhole(byte[] encoded, int width, int height) throws IOException {
            long at = FIRST_CHUNK;
            while (at + LENGTH_TYPE_AND_CHECKSUM <= encoded.length) {
                if (says(encoded, (int) at + 4, "IEND")) {
                    return;
                }
                at +=
                        LENGTH_TYPE_AND_CHECKSUM
                                + Integer.toUnsignedLong(ByteBuffer.wrap(encoded).getInt((int) at));
            }
            throw new EOFException("no IEND chunk");
        }
    },
    JPEG("\u00ff\u00d8\u00ff", "jpeg", "com.twelvemonkeys."),
    GIF("GIF8", "gif", "com.sun."),
    BMP("BM", "bmp", "com.sun."),
    WEBP("RIFF", "webp", "com.twelvemonkeys.") {
        private static final int FORM = 8;
        private static final int FIRST_CHUNK = 12;
        private static final int CHUNK_HEADER = 8;
        private static final int FRAME_HEADER = 16;
        private static final int FLAGS = 20;
        private static final int HAS_COLOUR_PROFILE = 0x20;

        @Override
        boolean matches(byte[] encoded) {
            return super.matches(encoded) && says(encoded, FORM, "WEBP");
        }

        /** Pillow ignores the colour profile; the plug-in would apply it. */
        @Override
        void prepare(byte[] encoded) {
            if (encoded.length > FLAGS && says(encoded, FIRST_CHUNK, "VP8X")) {
                encoded[FLAGS] &= ~HAS_COLOUR_PROFILE;
            }
        }

        /** The frame says its size a second time, and the plug-in believes it. */
        @Override
        void requireWhole(byte[] encoded, int width, int height) throws IOException {
            ByteBuffer file = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN);
            long end = Integer.toUnsignedLong(file.getInt(4)) + FORM;
            if (end > encoded.length) {
                throw new EOFException(
                        "the header promises " + end + " bytes, found " + encoded.length);
            }
            for (long at = FIRST_CHUNK; at + CHUNK_HEADER <= end; ) {
                int chunk = (int) at;
                long length = Integer.toUnsignedLong(file.getInt(chunk + 4));
                int payload = chunk + CHUNK_HEADER;
                // The first frame of an animation holds chunks of its own behind 16 bytes.
                boolean frame = says(encoded, chunk, "ANMF");
                boolean lossy = says(encoded, chunk, "VP8 ");
                if (lossy || says(encoded, chunk, "VP8L")) {
                    int size = file.getInt(payload + (lossy ? 6 : 1));
                    int foundWidth = lossy ? size & 0x3fff : (size & 0x3fff) + 1;
                    int foundHeight = lossy ? size >>> 16 & 0x3fff : (size >>> 14 & 0x3fff) + 1;
                    if (foundWidth != width || foundHeight != height) {
                        throw new IOException(
                                "the frame of "
                                        + foundWidth
                                        + "×"
                                        + foundHeight
                                        + " is not the picture's "
                                        + width
                                        + "×"
                                        + height);
                    }
                    return;
                }
                at = payload + (frame ? FRAME_HEADER : length + (length & 1));
            }
            throw new EOFException("no frame");
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

    /** Changes what the plug-in would take wrongly. */
    void prepare(byte[] encoded) {}

    /** Refuses what the plug-in would silently take for a whole picture of the given size. */
    void requireWhole(byte[] encoded, int width, int height) throws IOException {}

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
