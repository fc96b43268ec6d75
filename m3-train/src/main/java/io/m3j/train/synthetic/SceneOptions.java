package io.m3j.train.synthetic;

import io.m3j.core.M3Exception;

/**
 * How hard the scenes are. The benchmark is drawn with {@link #defaults}; other options make other
 * scenes of the same seeds.
 *
 * @param mostOfAKind of each of the two kinds that are counted there are 0 to this many, at most 5
 * @param smallestShape least side of a small shape, in pixels
 * @param largestShape greatest side of a small shape, in pixels
 * @param smallestType least height of a capital letter or digit, in pixels
 * @param largestType greatest height of a capital letter or digit, in pixels
 * @param words of the list of {@value Words#COUNT} words, how many are used, from its beginning
 * @param typefaces how many of the {@value Lettering#COUNT} typefaces are used
 * @param clutter how much noise, confetti and lines lie behind the things: 0 none, 1 the usual
 * @param crowded whether every cell beside the big object is filled, by six small shapes and mostly
 *     something to read; only the background, the big object and the shapes can then be asked about, and a
 *     number if {@code numberAsked}
 * @param formsAsked of a crowd's six small shapes, how many are asked for their form by their colour; the
 *     others for their colour by their form
 * @param numberAsked whether each scene is asked for a number, which is not there in one scene of four; a
 *     crowd is asked for it beside all else, another scene in place of its second reading
 */
public record SceneOptions(
        int mostOfAKind,
        int smallestShape,
        int largestShape,
        double smallestType,
        double largestType,
        int words,
        int typefaces,
        double clutter,
        boolean crowded,
        int formsAsked,
        boolean numberAsked) {

    /** Small shapes of a crowd. */
    public static final int SHAPES_IN_A_CROWD = 6;

    /** Of a crowd's small shapes, how many are asked for their form unless somebody says otherwise. */
    public static final int USUAL_FORMS_ASKED = 2;

    /**
     * Checks that a picture has room for all of it.
     *
     * @throws M3Exception if one of them is out of its range
     */
    public SceneOptions {
        check("mostOfAKind", mostOfAKind, 1, 5);
        check("smallestShape", smallestShape, 8, 48);
        check("largestShape", largestShape, smallestShape, 48);
        check("smallestType", smallestType, 5, 16);
        check("largestType", largestType, smallestType, 16);
        check("words", words, 2, Words.COUNT);
        check("typefaces", typefaces, 1, Lettering.COUNT);
        check("clutter", clutter, 0, 3);
        check("formsAsked", formsAsked, 0, SHAPES_IN_A_CROWD);
    }

    /**
     * @return those of the benchmark
     */
    public static SceneOptions defaults() {
        return new SceneOptions(
                5,
                20,
                34,
                10,
                14,
                Words.COUNT,
                Lettering.COUNT,
                1,
                false,
                USUAL_FORMS_ASKED,
                false);
    }

    /**
     * Scenes to learn numbers from, and when to say that there is none.
     *
     * @return the benchmark's options, but for a number that each scene is asked for
     */
    public static SceneOptions numbers() {
        return defaults().with(false, USUAL_FORMS_ASKED, true);
    }

    /**
     * Scenes to learn to see from: crowded, and else like the benchmark's.
     *
     * @return these options
     */
    public static SceneOptions crowd() {
        return crowd(USUAL_FORMS_ASKED, false);
    }

    /**
     * Crowded scenes whose questions are of another mixture.
     *
     * @param formsAsked of the six small shapes, how many are asked for their form
     * @param numberAsked whether a number is asked for, too
     * @return these options
     * @throws M3Exception if there are not so many
     */
    public static SceneOptions crowd(int formsAsked, boolean numberAsked) {
        return defaults().with(true, formsAsked, numberAsked);
    }

    private SceneOptions with(boolean crowd, int forms, boolean number) {
        return new SceneOptions(
                mostOfAKind,
                smallestShape,
                largestShape,
                smallestType,
                largestType,
                words,
                typefaces,
                clutter,
                crowd,
                forms,
                number);
    }

    /**
     * @param shape number of a crowd's small shape, from 0
     * @return whether it is asked for its form, and not for its colour
     */
    boolean asksForm(int shape) {
        return shape >= SHAPES_IN_A_CROWD - formsAsked;
    }

    private static void check(String name, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new M3Exception(
                    "scene option "
                            + name
                            + ": "
                            + least
                            + " to "
                            + most
                            + " expected, found "
                            + value);
        }
    }
}
