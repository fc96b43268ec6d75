package io.m3j.eval;

import java.util.List;

/** Where answers are kept while they are collected. */
public interface AnswerStore {

    /**
     * @return answers of earlier runs, which are not asked for again
     */
    List<Prediction> known();

    /**
     * @param question that was answered
     * @param prediction its answer
     */
    void keep(Question question, Prediction prediction);

    /**
     * @param ask that has no answer
     * @param reason why
     */
    void keepFailure(Ask ask, String reason);

    /**
     * @return a store that knows nothing and keeps nothing: the report has all there is
     */
    static AnswerStore inMemory() {
        return new AnswerStore() {
            @Override
            public List<Prediction> known() {
                return List.of();
            }

            @Override
            public void keep(Question question, Prediction prediction) {}

            @Override
            public void keepFailure(Ask ask, String reason) {}
        };
    }
}
