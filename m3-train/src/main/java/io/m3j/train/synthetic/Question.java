package io.m3j.train.synthetic;

import static io.m3j.core.Arguments.required;

/**
 * A question with its one right answer.
 *
 * @param family what it is about
 * @param text the question
 * @param answer one or two words in lower case, or a number of two digits
 */
public record Question(Family family, String text, String answer) {

    /** Requires all three. */
    public Question {
        required(family, "family");
        required(text, "text");
        required(answer, "answer");
    }
}
