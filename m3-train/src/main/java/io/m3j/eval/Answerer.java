package io.m3j.eval;

import java.util.List;

/** Whoever answers a benchmark's questions: a model, or a test's stand-in for one. */
@FunctionalInterface
public interface Answerer {

    /**
     * Answers every question, in any order.
     *
     * @param asks those of one picture one after another
     * @param outcomes told once for each, as soon as it is known, by the calling thread
     */
    void answer(List<Ask> asks, Outcomes outcomes);

    /** Hears what became of each. */
    interface Outcomes {

        /**
         * @param ask that was answered
         * @param text the answer
         * @param visualTokens positions of the prompt that stood for the picture
         */
        void answered(Ask ask, String text, int visualTokens);

        /**
         * @param ask that has no answer
         * @param reason why
         */
        void failed(Ask ask, String reason);
    }
}
