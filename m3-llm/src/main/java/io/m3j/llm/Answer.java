package io.m3j.llm;

import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Timings;
import java.util.List;

/**
 * What a model answered.
 *
 * @param text the answer, without stop strings and special tokens; trimmed of the white space around
 *     it
 * @param ids the ids generated, the end-of-sequence id included if it came
 * @param visualTokens positions of the prompt that stand for images
 * @param promptTokens all positions of the prompt
 * @param finishReason why it ended
 * @param timings where the time went
 */
public record Answer(
        String text,
        List<Long> ids,
        int visualTokens,
        int promptTokens,
        FinishReason finishReason,
        Timings timings) {

    /** Copies the ids. */
    public Answer {
        ids = List.copyOf(ids);
    }
}
