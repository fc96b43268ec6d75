package io.m3j.train.synthetic;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a scene is, before it is drawn: everything that a question can be about.
 *
 * @param place the scenery
 * @param light the time of day
 * @param big the big object
 * @param counted all things of the two counted kinds; in a crowd, of any
 * @param firstKind one counted kind
 * @param secondKind the other
 * @param shapes three small shapes, no two of one form or one colour; in a crowd, any
 * @param readables three things to read: two words, one number, which may be missing if it is asked for; in a
 *     crowd, any
 * @param numbered on what a number is asked for if one must be: one such thing is there, or none
 */
record ScenePlan(
        Place place,
        Light light,
        Big big,
        List<Counted> counted,
        CountedThing firstKind,
        CountedThing secondKind,
        List<Small> shapes,
        List<Text> readables,
        Optional<Readable> numbered) {

    /**
     * Where a thing is, in pixels from the upper left corner of the picture.
     *
     * @param x of its middle
     * @param y of its middle
     * @param halfWidth half its width, outline included
     * @param halfHeight half its height, outline included
     */
    record Spot(double x, double y, double halfWidth, double halfHeight) {

        boolean overlaps(Spot other) {
            return Math.abs(x - other.x) < halfWidth + other.halfWidth
                    && Math.abs(y - other.y) < halfHeight + other.halfHeight;
        }
    }

    /** The big object. */
    record Big(BigThing kind, Colour colour, Spot spot, boolean mirrored) {}

    /** One thing of a counted kind. */
    record Counted(CountedThing kind, Colour colour, Spot spot, boolean mirrored) {}

    /** A small shape. */
    record Small(SmallShape shape, Colour colour, Spot spot) {}

    /**
     * A thing to read.
     *
     * @param text in lower case; drawn in capitals
     * @param typeface number of the {@link Lettering}
     * @param height of a capital, in pixels
     * @param textWidth in pixels
     * @param board colour behind the text
     */
    record Text(
            Readable kind,
            String text,
            int typeface,
            double height,
            double textWidth,
            Colour board,
            Spot spot) {

        /** Where the text begins, in pixels. */
        double textLeft() {
            return spot.x() + kind.textShift() - textWidth / 2;
        }

        /** The middle of the text's height, in pixels. */
        double textMiddle() {
            return spot.y() - spot.halfHeight() + kind.textMiddle(2 * spot.halfHeight(), height);
        }

        /** The letter or digit at a place, in lower case; none beside the text. */
        Optional<String> letterAt(double x, double y) {
            double from = textLeft();
            if (Math.abs(y - textMiddle()) > height / 2 || x < from) {
                return Optional.empty();
            }
            for (int i = 0; i < text.length(); i++) {
                String letter = text.substring(i, i + 1);
                from +=
                        Lettering.numbered(typeface).width(letter.toUpperCase(Locale.ROOT))
                                * height;
                if (x < from) {
                    return Optional.of(letter);
                }
            }
            return Optional.empty();
        }
    }

    ScenePlan withoutNumbers() {
        List<Text> words = readables.stream().filter(text -> !text.kind().hasNumber()).toList();
        return new ScenePlan(
                place, light, big, counted, firstKind, secondKind, shapes, words, numbered);
    }

    /** What a thing that a number is asked of says, also if it is not there. */
    String numberOn(Readable kind) {
        return on(kind).map(Text::text).orElse("no number");
    }

    boolean isMissing(Readable kind) {
        return on(kind).isEmpty();
    }

    private Optional<Text> on(Readable kind) {
        return readables.stream().filter(text -> text.kind() == kind).findFirst();
    }

    int count(CountedThing kind) {
        return (int) counted.stream().filter(thing -> thing.kind() == kind).count();
    }
}
