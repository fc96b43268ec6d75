package io.m3j.llm.tokenizer;

/**
 * Python's idea of white space, which the reference tokenizers and prompts strip by: unlike Java's it
 * holds U+0085 and the no-break spaces.
 */
public final class Whitespace {

    private Whitespace() {}

    /**
     * @param text any text
     * @return the text without white space at its ends, as Python's {@code str.strip}
     */
    public static String strip(String text) {
        return stripStart(stripEnd(text));
    }

    /**
     * @param text any text
     * @return the text without white space at its start, as Python's {@code str.lstrip}
     */
    public static String stripStart(String text) {
        int start = 0;
        while (start < text.length() && isSpace(text.charAt(start))) {
            start++;
        }
        return text.substring(start);
    }

    /**
     * @param text any text
     * @return the text without white space at its end, as Python's {@code str.rstrip}
     */
    public static String stripEnd(String text) {
        int end = text.length();
        while (end > 0 && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end);
    }

    /**
     * @param character of any text
     * @return whether Python's {@code str.isspace} holds of it
     */
    public static boolean isSpace(char character) {
        return Character.isWhitespace(character)
                || Character.isSpaceChar(character)
                || character == '\u0085';
    }
}
