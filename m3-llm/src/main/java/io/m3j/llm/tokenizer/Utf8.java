package io.m3j.llm.tokenizer;

/** The rules of UTF-8 (RFC 3629), applied to bytes that come one at a time. */
final class Utf8 {

    /** The answer of {@link #decode} for bytes that are no character. */
    static final int INVALID = -1;

    private Utf8() {}

    /** How many bytes the character takes that begins with this one; 1 for what begins none. */
    static int length(int first) {
        if (first >> 5 == 0b110) {
            return 2;
        }
        if (first >> 4 == 0b1110) {
            return 3;
        }
        return first >> 3 == 0b11110 ? 4 : 1;
    }

    /** Whether all but the first of {@code count} bytes are of the kind that continues one. */
    static boolean continues(int[] bytes, int count) {
        for (int i = 1; i < count; i++) {
            if (bytes[i] >> 6 != 0b10) {
                return false;
            }
        }
        return true;
    }

    /** The code point of {@code length} bytes, or {@link #INVALID}. */
    static int decode(int[] bytes, int length) {
        if (length == 1) {
            return bytes[0] < 0x80 ? bytes[0] : INVALID;
        }
        if (!continues(bytes, length)) {
            return INVALID;
        }
        int codePoint = bytes[0] & (0xFF >> (length + 1));
        for (int i = 1; i < length; i++) {
            codePoint = codePoint << 6 | bytes[i] & 0x3F;
        }
        int least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
        boolean valid =
                codePoint >= least
                        && codePoint <= Character.MAX_CODE_POINT
                        && (codePoint < Character.MIN_SURROGATE
                                || codePoint > Character.MAX_SURROGATE);
        return valid ? codePoint : INVALID;
    }

    /** The text with every surrogate that lacks its partner replaced by U+FFFD. */
    static String withoutLoneSurrogates(String text) {
        StringBuilder repaired = new StringBuilder(text.length());
        text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                .forEach(repaired::appendCodePoint);
        return repaired.toString();
    }
}
