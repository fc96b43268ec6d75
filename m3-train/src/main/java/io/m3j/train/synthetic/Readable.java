package io.m3j.train.synthetic;

import java.util.List;

/** Things with something to read on them. */
enum Readable implements Named {
    /** A board on a post, with a word. */
    SIGN(false),
    /** A tag with a hole, with a word. */
    LABEL(false),
    /** A dark screen on a stand, with a bright word. */
    SCREEN(false),
    /** A number plate. */
    PLATE(true),
    /** A round badge with a number. */
    BADGE(true);

    static final List<Readable> WITH_WORDS = List.of(SIGN, LABEL, SCREEN);
    static final List<Readable> WITH_NUMBERS = List.of(PLATE, BADGE);

    private final boolean number;

    Readable(boolean number) {
        this.number = number;
    }

    boolean hasNumber() {
        return number;
    }

    /** The widest text that leaves it in its cell of 84 × 67 pixels, in pixels. */
    double widestText() {
        return 58;
    }

    /** Half its width around a text of this size, all in pixels. */
    double halfWidth(double textWidth, double typeHeight) {
        return switch (this) {
            case SIGN, SCREEN, PLATE -> textWidth / 2 + 10;
            case LABEL -> textWidth / 2 + 11;
            case BADGE -> badgeRadius(textWidth, typeHeight);
        };
    }

    /** Half its height around a text of this size, all in pixels. */
    double halfHeight(double textWidth, double typeHeight) {
        return switch (this) {
            case SIGN -> typeHeight / 2 + 15;
            case SCREEN -> typeHeight / 2 + 12;
            case PLATE, LABEL -> typeHeight / 2 + 8;
            case BADGE -> badgeRadius(textWidth, typeHeight);
        };
    }

    /** How far right of its middle the middle of the text is, in pixels. */
    double textShift() {
        return this == LABEL ? 3.5 : 0;
    }

    /** How far below its top the middle of the text is, all in pixels. */
    double textMiddle(double height, double typeHeight) {
        return switch (this) {
            case SIGN -> boardOfSign(typeHeight) / 2;
            case SCREEN -> (height - 7) / 2;
            case LABEL, PLATE, BADGE -> height / 2;
        };
    }

    /** The height of a sign's board around a text of this size, all in pixels. */
    static double boardOfSign(double typeHeight) {
        return typeHeight + 14;
    }

    private static double badgeRadius(double textWidth, double typeHeight) {
        return Math.sqrt(textWidth * textWidth + typeHeight * typeHeight) / 2 + 7;
    }
}
