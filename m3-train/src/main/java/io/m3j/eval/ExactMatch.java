package io.m3j.eval;

import java.util.Locale;

/**
 * Right if the answer given is the right one, letter by letter, after both were normalised: white
 * space around them is dropped, letters become lower case, and one full stop at the end is dropped,
 * with the white space before it.
 */
public final class ExactMatch implements Metric {

    @Override
    public double score(Question question, String text) {
        return normalised(text).equals(normalised(question.answer())) ? 1 : 0;
    }

    /**
     * @param text an answer
     * @return what is compared of it
     */
    static String normalised(String text) {
        String lower = text.strip().toLowerCase(Locale.ROOT);
        return lower.endsWith(".") ? lower.substring(0, lower.length() - 1).strip() : lower;
    }
}
