package io.m3j.core;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** What somebody may have meant by a word that is not known. */
public final class NearestWord {

    private static final int MOST_EDITS = 3;

    private NearestWord() {}

    /**
     * @param word that is not known
     * @param known those that are
     * @return the nearest of these within a few edits, fewer for a short word; empty if none is
     */
    public static Optional<String> to(String word, Collection<String> known) {
        int most = Math.min(MOST_EDITS, Math.max(1, word.length() / 2));
        return known.stream()
                .filter(candidate -> edits(word, candidate) <= most)
                .min(Comparator.comparingInt(candidate -> edits(word, candidate)));
    }

    /**
     * @param a a word
     * @param b another
     * @return Levenshtein's distance: letters put in, left out or replaced
     */
    public static int edits(String a, String b) {
        int[] before = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            before[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = before[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(replaced, 1 + Math.min(before[j], row[j - 1]));
            }
            before = row;
        }
        return before[b.length()];
    }
}
