package io.m3j.llm.generate;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.scale.ScalePolicy;
import java.util.List;
import java.util.Optional;

/**
 * How an answer is generated. Without any setting: greedily, at the finest scale, up to 256 tokens.
 *
 * @param scale of every image; empty means the finest of the model, unless {@code scales} chooses
 * @param scales chooses for each image, for its base and its tiles; empty means {@code scale} for all
 * @param maxNewTokens after how many tokens to stop, at least 1
 * @param temperature 0 picks the likeliest token; above, logits are divided by it and drawn from
 * @param topK draws among the k likeliest alone; 0 means all
 * @param topP draws among the likeliest whose probabilities sum to p; 1 means all
 * @param repetitionPenalty divides positive and multiplies negative logits of ids that occurred
 *     (Keskar et al., arXiv 1909.05858); 1 means none
 * @param seed of the draws
 * @param stopStrings texts that end the answer and are not part of it
 * @param ignoreEndOfSequence whether to go on past the end-of-sequence ids
 * @param template name of a prompt template; empty means the checkpoint's own
 */
public record GenerationOptions(
        Optional<Scale> scale,
        Optional<ScalePolicy> scales,
        int maxNewTokens,
        double temperature,
        int topK,
        double topP,
        double repetitionPenalty,
        long seed,
        List<String> stopStrings,
        boolean ignoreEndOfSequence,
        Optional<String> template) {

    /** Tokens of an answer unless the caller says otherwise. */
    public static final int DEFAULT_MAX_NEW_TOKENS = 256;

    /** Checks every number. */
    public GenerationOptions {
        require(
                scale.isEmpty() || scales.isEmpty(),
                "scale",
                scale.map(Scale::toString).orElse(""),
                "either one scale for all parts or a policy, found both");
        require(maxNewTokens >= 1, "maxNewTokens", maxNewTokens, "at least 1");
        require(
                temperature >= 0 && temperature < Double.POSITIVE_INFINITY,
                "temperature",
                temperature,
                "0 or more");
        require(topK >= 0, "topK", topK, "0 or more");
        require(topP > 0 && topP <= 1, "topP", topP, "above 0, at most 1");
        require(
                repetitionPenalty > 0 && repetitionPenalty < Double.POSITIVE_INFINITY,
                "repetitionPenalty",
                repetitionPenalty,
                "above 0");
        stopStrings = List.copyOf(stopStrings);
        require(!stopStrings.contains(""), "stopStrings", stopStrings, "no empty text");
    }

    private static void require(boolean holds, String name, Object found, String expected) {
        if (!holds) {
            throw new M3Exception(name + " " + found + ": expected " + expected);
        }
    }

    /**
     * @return a builder with the defaults
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * @param value of every image, in place of whatever chose
     * @return these options with that changed
     */
    public GenerationOptions withScale(Scale value) {
        Builder changed = copy();
        changed.scales = Optional.empty();
        return changed.scale(value).build();
    }

    /**
     * @param value chooses the scales, in place of whatever chose
     * @return these options with that changed
     */
    public GenerationOptions withScales(ScalePolicy value) {
        Builder changed = copy();
        changed.scale = Optional.empty();
        return changed.scales(value).build();
    }

    /**
     * @param value after how many tokens to stop
     * @return these options with that changed
     */
    public GenerationOptions withMaxNewTokens(int value) {
        return copy().maxNewTokens(value).build();
    }

    private Builder copy() {
        Builder same = new Builder();
        same.scale = scale;
        same.scales = scales;
        same.maxNewTokens = maxNewTokens;
        same.temperature = temperature;
        same.topK = topK;
        same.topP = topP;
        same.repetitionPenalty = repetitionPenalty;
        same.seed = seed;
        same.stopStrings = stopStrings;
        same.ignoreEndOfSequence = ignoreEndOfSequence;
        same.template = template;
        return same;
    }

    /** Sets what differs from the defaults. */
    public static final class Builder {

        private Optional<Scale> scale = Optional.empty();
        private Optional<ScalePolicy> scales = Optional.empty();
        private int maxNewTokens = DEFAULT_MAX_NEW_TOKENS;
        private double temperature;
        private int topK;
        private double topP = 1;
        private double repetitionPenalty = 1;
        private long seed;
        private List<String> stopStrings = List.of();
        private boolean ignoreEndOfSequence;
        private Optional<String> template = Optional.empty();

        private Builder() {}

        /**
         * @param value of every image
         * @return this
         */
        public Builder scale(Scale value) {
            scale = Optional.of(value);
            return this;
        }

        /**
         * @param value chooses the scales of each image and of its parts, in place of {@link #scale}, such
         *     as {@link ScalePolicy#each(Scale...)}
         * @return this
         */
        public Builder scales(ScalePolicy value) {
            scales = Optional.of(value);
            return this;
        }

        /**
         * @param value after how many tokens to stop
         * @return this
         */
        public Builder maxNewTokens(int value) {
            maxNewTokens = value;
            return this;
        }

        /**
         * @param value 0 for the likeliest token, above to draw
         * @return this
         */
        public Builder temperature(double value) {
            temperature = value;
            return this;
        }

        /**
         * @param value how many of the likeliest to draw among; 0 for all
         * @return this
         */
        public Builder topK(int value) {
            topK = value;
            return this;
        }

        /**
         * @param value probability to draw within; 1 for all
         * @return this
         */
        public Builder topP(double value) {
            topP = value;
            return this;
        }

        /**
         * @param value 1 for none
         * @return this
         */
        public Builder repetitionPenalty(double value) {
            repetitionPenalty = value;
            return this;
        }

        /**
         * @param value of the draws
         * @return this
         */
        public Builder seed(long value) {
            seed = value;
            return this;
        }

        /**
         * @param value texts that end the answer
         * @return this
         */
        public Builder stopStrings(List<String> value) {
            stopStrings = value;
            return this;
        }

        /**
         * @param value whether to go on past the end-of-sequence ids
         * @return this
         */
        public Builder ignoreEndOfSequence(boolean value) {
            ignoreEndOfSequence = value;
            return this;
        }

        /**
         * @param value name of a prompt template
         * @return this
         */
        public Builder template(String value) {
            template = Optional.of(value);
            return this;
        }

        /**
         * @return the options
         * @throws M3Exception if a number is out of range
         */
        public GenerationOptions build() {
            return new GenerationOptions(
                    scale,
                    scales,
                    maxNewTokens,
                    temperature,
                    topK,
                    topP,
                    repetitionPenalty,
                    seed,
                    stopStrings,
                    ignoreEndOfSequence,
                    template);
        }
    }
}
