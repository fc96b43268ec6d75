package io.m3j.llm;

import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;

/**
 * How rotary frequencies are stretched beyond the positions a decoder was trained on; the kinds and
 * their keys are Hugging Face's ({@code modeling_rope_utils}).
 *
 * @param kind which rule
 * @param factor how far positions are stretched
 * @param lowFrequencyFactor {@link Kind#LLAMA3} alone
 * @param highFrequencyFactor {@link Kind#LLAMA3} alone
 * @param originalPositions positions of the training
 */
public record RopeScaling(
        Kind kind,
        double factor,
        double lowFrequencyFactor,
        double highFrequencyFactor,
        int originalPositions) {

    /** The rules there are. */
    public enum Kind {
        /** None. */
        DEFAULT,
        /** Positions divided by the factor. */
        LINEAR,
        /** The base grows with the length beyond the trained one ("dynamic NTK"). */
        DYNAMIC,
        /** Llama 3.1's: low frequencies stretched, high ones kept, those between blended. */
        LLAMA3
    }

    /** No scaling. */
    public static final RopeScaling NONE = new RopeScaling(Kind.DEFAULT, 1, 1, 1, 1);

    /**
     * @param json the value of {@code rope_scaling} (or of {@code rope_parameters}, its later name)
     * @param maximumPositions the fallback for the positions of the training
     * @return the rule
     * @throws M3Exception for a kind that is not built
     */
    static RopeScaling of(ConfigJson json, int maximumPositions) {
        String kind = json.text("rope_type").or(() -> json.text("type")).orElse("default");
        double factor = json.number("factor", 1);
        if (!(factor >= 1)) {
            throw json.wrong("factor", "a number of at least 1");
        }
        return switch (kind) {
            case "default" -> NONE;
            case "linear" -> new RopeScaling(Kind.LINEAR, factor, 1, 1, maximumPositions);
            case "dynamic" -> new RopeScaling(Kind.DYNAMIC, factor, 1, 1, maximumPositions);
            case "llama3" -> {
                double low = json.number("low_freq_factor", 1);
                double high = json.number("high_freq_factor", 4);
                if (!(low > 0) || !(high > low)) {
                    throw json.wrong("high_freq_factor", "more than low_freq_factor, " + low);
                }
                int original = json.positive("original_max_position_embeddings", maximumPositions);
                yield new RopeScaling(Kind.LLAMA3, factor, low, high, original);
            }
            default ->
                    throw new M3Exception(
                            json.where()
                                    + ": rotary scaling "
                                    + kind
                                    + ": expected one of default, linear, dynamic, llama3");
        };
    }

    /**
     * Who fine-tunes for a longer context by the first two rules leaves {@code
     * max_position_embeddings} as it was (LLaVA's train.py does); Llama 3.1 records the longer one.
     *
     * @param maximumPositions {@code max_position_embeddings}
     * @return the longest context
     */
    int reach(int maximumPositions) {
        return switch (kind) {
            case DEFAULT, LLAMA3 -> maximumPositions;
            case LINEAR, DYNAMIC -> (int) Math.min(Integer.MAX_VALUE, maximumPositions * factor);
        };
    }
}
