package io.m3j.eval;

/** How far an answer is right. The score of a benchmark is the mean over its questions. */
@FunctionalInterface
public interface Metric {

    /**
     * @param question with the right answer
     * @param text that was given
     * @return 0 (wrong) to 1 (right)
     */
    double score(Question question, String text);
}
