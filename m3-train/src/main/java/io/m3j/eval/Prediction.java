package io.m3j.eval;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Scale;

/**
 * What a model answered to one question at one scale.
 *
 * @param questionId of the {@link Question}
 * @param scale it was asked at
 * @param text the answer; an empty one is an answer too
 * @param visualTokens positions of the prompt that stood for the picture
 */
public record Prediction(String questionId, Scale scale, String text, int visualTokens) {

    /** Checks that everything is there. */
    public Prediction {
        required(questionId, "questionId");
        required(scale, "scale");
        required(text, "text");
    }
}
