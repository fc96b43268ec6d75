package io.m3j.train.synthetic;

import java.util.List;

/** The ways in which each question is put; {@code {a}} and {@code {b}} stand for names. */
final class Phrasings {

    static final List<String> PLACE =
            List.of(
                    "What does the background show?",
                    "What kind of place is this?",
                    "Which scenery is in the background?",
                    "Which place is this?",
                    "What is behind everything?");
    static final List<String> LIGHT =
            List.of(
                    "What time of day is it?",
                    "Is it day, dusk or night?",
                    "Which time of day does it show?",
                    "Day, dusk or night?",
                    "Name the time of day.");
    static final List<String> BIG_KIND =
            List.of(
                    "What is the big object?",
                    "What is the largest thing here?",
                    "Which object fills most of the picture?",
                    "What is the main object?",
                    "Name the big thing.");
    static final List<String> BIG_COLOUR =
            List.of(
                    "What color is the big object?",
                    "Which color does the largest thing have?",
                    "What is the color of the main object?",
                    "Name the color of the big thing.",
                    "Which color is the main object?");
    static final List<String> COUNT =
            List.of(
                    "How many {a} are there?",
                    "Count the {a}.",
                    "How many {a} do you see?",
                    "What is the number of {a}?",
                    "How many {a} are in the picture?");
    static final List<String> CORNER =
            List.of(
                    "Which corner is nearest to the {a}?",
                    "In which quarter of the picture is the {a}?",
                    "Where in the picture is the {a}?",
                    "Which quarter holds the {a}?",
                    "In which part of the picture is the {a}?");
    static final List<String> SIDE =
            List.of(
                    "Where is the {a} from the {b}?",
                    "On which side of the {b} is the {a}?",
                    "Seen from the {b}, where is the {a}?",
                    "Which way is the {a} from the {b}?",
                    "From the {b}, in which direction is the {a}?");
    static final List<String> SHAPE_COLOUR =
            List.of(
                    "What color is the small {a}?",
                    "Which color does the small {a} have?",
                    "What is the color of the small {a}?",
                    "Name the color of the small {a}.",
                    "Which color is the small {a}?");
    static final List<String> COLOUR_SHAPE =
            List.of(
                    "Which small shape is {a}?",
                    "What is the small {a} shape?",
                    "What small shape is {a}?",
                    "Name the small {a} shape.",
                    "Which form does the small {a} shape have?");
    static final List<String> WORD =
            List.of(
                    "What does the {a} say?",
                    "Which word is on the {a}?",
                    "Read the {a}.",
                    "What is written on the {a}?",
                    "What can be read on the {a}?");
    static final List<String> NUMBER =
            List.of(
                    "What number is on the {a}?",
                    "Which number does the {a} show?",
                    "Read the number on the {a}.",
                    "What is the number of the {a}?",
                    "What does the {a} read?");

    static final List<List<String>> ALL =
            List.of(
                    PLACE,
                    LIGHT,
                    BIG_KIND,
                    BIG_COLOUR,
                    COUNT,
                    CORNER,
                    SIDE,
                    SHAPE_COLOUR,
                    COLOUR_SHAPE,
                    WORD,
                    NUMBER);

    private Phrasings() {}
}
