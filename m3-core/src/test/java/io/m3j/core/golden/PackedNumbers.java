package io.m3j.core.golden;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * How the numbers of one file are packed, which Deflate alone hardly compresses.
 *
 * <p>Random weights have random mantissas, but two things about them are known. Signs and
 * exponents repeat, so the words' first bytes, second bytes and so on are kept apart ("planes"),
 * each with its own statistics. And the same weights stand in several checkpoints, at most
 * rounded: a span may name another file from which its words are predicted, and then only the
 * differences are kept, nearly all of them zero. Where a prediction is wrong (a weight rounded
 * twice on the way from float32 through float16 to bfloat16) the difference mends it, so the file
 * comes back exactly.
 *
 * @param width bytes of a word, 2 or 4
 * @param spans the runs of words in the file, by ascending offset; what lies outside of them is
 *     kept as it is
 */
record PackedNumbers(int width, List<Span> spans) {

    /**
     * A run of words.
     *
     * @param offset of the first word, in bytes from the start of the file
     * @param count of words
     * @param source path of the file that predicts them, or null to keep the words themselves
     * @param sourceOffset of the first predicting word in the source, in bytes
     * @param conversion from the source's words to this file's, or null without a source
     */
    record Span(int offset, int count, String source, int sourceOffset, Conversion conversion) {

        private int predict(Map<String, byte[]> files, int index) {
            int at = sourceOffset + index * conversion.sourceWidth;
            return conversion.words.applyAsInt(word(files.get(source), at, conversion.sourceWidth));
        }
    }

    /** What was done to a word of the source; all words are bit patterns. */
    enum Conversion {
        /** The same float32. */
        COPY_F32(Float.BYTES, IntUnaryOperator.identity()),
        /** Rounded to the nearest float16, ties to even. */
        F32_TO_F16(Float.BYTES, Conversion::float32ToFloat16),
        /** Of the same float32 one was rounded to float16, the other to bfloat16. */
        F16_TO_BF16(Short.BYTES, Conversion::float16ToBfloat16);

        final int sourceWidth;
        private final IntUnaryOperator words;

        Conversion(int sourceWidth, IntUnaryOperator words) {
            this.sourceWidth = sourceWidth;
            this.words = words;
        }

        /** For finite numbers; the exponents' biases are 127 and 15, the mantissas 23 and 10 bits. */
        private static int float32ToFloat16(int word) {
            int magnitude = word & 0x7FFFFFFF;
            int sign = (word >>> 16) & 0x8000;
            if (magnitude < (127 - 14) << 23) { // below float16's smallest normal number
                return sign | (int) Math.rint(Float.intBitsToFloat(magnitude) * 0x1p24f);
            }
            return sign | roundOff(magnitude - ((127 - 15) << 23), 13);
        }

        private static int float16ToBfloat16(int word) {
            int magnitude = word & 0x7FFF;
            int float32 =
                    magnitude < 1 << 10
                            ? Float.floatToRawIntBits(magnitude * 0x1p-24f)
                            : (magnitude << 13) + ((127 - 15) << 23);
            return (word & 0x8000) | roundOff(float32, 16);
        }

        /** Drops the lowest bits, rounding to nearest, ties to even. */
        private static int roundOff(int word, int bits) {
            int half = 1 << (bits - 1);
            return (word + half - 1 + ((word >>> bits) & 1)) >>> bits;
        }
    }

    /**
     * A file taken apart.
     *
     * @param rest the bytes outside the spans
     * @param planes for each byte of a word, that byte of the differences of all words
     */
    record Parts(byte[] rest, byte[][] planes) {}

    /**
     * Takes a file apart.
     *
     * @param file its content
     * @param files the sources by their paths
     * @return what {@link #join} needs
     */
    Parts split(byte[] file, Map<String, byte[]> files) {
        int words = spans.stream().mapToInt(Span::count).sum();
        ByteBuffer rest = ByteBuffer.allocate(file.length - words * width);
        byte[][] planes = new byte[width][words];
        int position = 0;
        int word = 0;
        for (Span span : spans) {
            rest.put(file, position, span.offset() - position);
            position = span.offset();
            for (int i = 0; i < span.count(); i++, word++, position += width) {
                int value = word(file, position, width);
                int kept = span.source() == null ? value : fold(value - span.predict(files, i));
                for (int k = 0; k < width; k++) {
                    planes[k][word] = (byte) (kept >>> (8 * k));
                }
            }
        }
        rest.put(file, position, file.length - position);
        return new Parts(rest.array(), planes);
    }

    /**
     * Puts a file together again.
     *
     * @param parts what {@link #split} made of it
     * @param files the sources by their paths
     * @return its content
     */
    byte[] join(Parts parts, Map<String, byte[]> files) {
        ByteBuffer rest = ByteBuffer.wrap(parts.rest());
        int words = parts.planes()[0].length;
        ByteBuffer file =
                ByteBuffer.allocate(rest.capacity() + words * width).order(ByteOrder.LITTLE_ENDIAN);
        int word = 0;
        for (Span span : spans) {
            int gap = span.offset() - file.position();
            file.put(rest.slice(rest.position(), gap));
            rest.position(rest.position() + gap);
            for (int i = 0; i < span.count(); i++, word++) {
                int kept = 0;
                for (int k = 0; k < width; k++) {
                    kept |= (parts.planes()[k][word] & 0xFF) << (8 * k);
                }
                int value = span.source() == null ? kept : span.predict(files, i) + unfold(kept);
                if (width == Integer.BYTES) {
                    file.putInt(value);
                } else {
                    file.putShort((short) value);
                }
            }
        }
        return file.put(rest).array();
    }

    /** The share of a span's words that are predicted exactly. */
    double predicted(byte[] file, Span span, Map<String, byte[]> files) {
        int right = 0;
        for (int i = 0; i < span.count(); i++) {
            int word = word(file, span.offset() + i * width, width);
            right += word == span.predict(files, i) ? 1 : 0;
        }
        return (double) right / span.count();
    }

    /** Puts the sign below the number, so that -1 too has zeros in all but the first plane. */
    private int fold(int difference) {
        int signed = width == Short.BYTES ? (short) difference : difference;
        return (signed << 1) ^ (signed >> 31);
    }

    private static int unfold(int folded) {
        return (folded >>> 1) ^ -(folded & 1);
    }

    private static int word(byte[] bytes, int offset, int width) {
        int word = 0;
        for (int k = 0; k < width; k++) {
            word |= (bytes[offset + k] & 0xFF) << (8 * k);
        }
        return word;
    }
}
