package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.llm.M3Tokenizer;
import java.util.Optional;

/**
 * A conversation as ids and labels: what LLaVA's {@code preprocess} gives.
 *
 * @param ids the conversation, {@link M3Tokenizer#IMAGE_ID} where a picture stands
 * @param labels as long as ids: the id itself in an answer, a picture's included; {@link
 *     Example#IGNORED} elsewhere
 * @param mismatch why all labels are masked: the rounds of the conversation, counted one by one, do
 *     not have the ids that they have together. Empty if they do
 */
public record LabelledIds(long[] ids, long[] labels, Optional<String> mismatch) {

    /** Checks that nothing is missing. */
    public LabelledIds {
        required(ids, "ids");
        required(labels, "labels");
        required(mismatch, "mismatch");
    }
}
