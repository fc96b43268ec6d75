package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.llm.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** How an answer's tokens are picked, and when it ends. */
final class SamplingOptions {

    /** What {@link GenerationOptions} calls what these options set. */
    private static final Map<String, String> OPTION_BY_NAME =
            Map.of(
                    "maxNewTokens",
                    "--max-new-tokens",
                    "temperature",
                    "--temperature",
                    "topK",
                    "--top-k",
                    "topP",
                    "--top-p",
                    "repetitionPenalty",
                    "--repetition-penalty");

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description = "Tokens after which an answer is cut. Default: 256, or 32 in a table.")
    private Integer maxNewTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description =
                    "0 picks the likeliest token; above, logits are divided by it and drawn from."
                            + " Default: ${DEFAULT-VALUE}.")
    private double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            defaultValue = "0",
            description =
                    "Draw among the K likeliest tokens; 0 means all. Default: ${DEFAULT-VALUE}.")
    private int topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description =
                    "Draw among the likeliest tokens whose probabilities sum to P. Default:"
                            + " ${DEFAULT-VALUE}.")
    private double topP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "R",
            defaultValue = "1",
            description =
                    "Make tokens that occurred less likely, above 1; 1 changes nothing. Default:"
                            + " ${DEFAULT-VALUE}.")
    private double repetitionPenalty;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the draws. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "Text that ends the answer and is not part of it. Repeat it for several.")
    private List<String> stopStrings = new ArrayList<>();

    /** Refuses numbers out of range, in the names of the options. */
    void check() {
        if (stopStrings.contains("")) {
            throw new M3Exception("--stop '': expected a text that is not empty");
        }
        Supplier<GenerationOptions> options =
                () -> builder(GenerationOptions.DEFAULT_MAX_NEW_TOKENS).build();
        for (Map.Entry<String, String> name : OPTION_BY_NAME.entrySet()) {
            Supplier<GenerationOptions> inner = options;
            options = () -> Refusals.naming(name.getValue(), name.getKey(), inner);
        }
        options.get();
    }

    GenerationOptions.Builder builder(int defaultMaxNewTokens) {
        return GenerationOptions.builder()
                .maxNewTokens(maxNewTokens == null ? defaultMaxNewTokens : maxNewTokens)
                .temperature(temperature)
                .topK(topK)
                .topP(topP)
                .repetitionPenalty(repetitionPenalty)
                .seed(seed)
                .stopStrings(stopStrings);
    }
}
