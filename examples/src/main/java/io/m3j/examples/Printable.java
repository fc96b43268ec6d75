package io.m3j.examples;

/** Text from files and models, made safe for a person's terminal. */
final class Printable {

    private static final int REPLACEMENT = 0xFFFD;

    private Printable() {}

    /** On one line: white space collapsed, what cannot be shown replaced by U+FFFD. */
    static String line(String text) {
        return shown(text.strip().replaceAll("\\s+", " "));
    }

    /** Line breaks and tabs stay; what cannot be shown is replaced by U+FFFD. */
    static String shown(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().map(Printable::shown).forEach(shown::appendCodePoint);
        return shown.toString();
    }

    private static int shown(int point) {
        if (point == '\n' || point == '\t') {
            return point;
        }
        return switch (Character.getType(point)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    REPLACEMENT;
            default -> point;
        };
    }
}
