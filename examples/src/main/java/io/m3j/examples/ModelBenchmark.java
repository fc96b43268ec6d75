package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.generate.Timings;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What a model takes for a picture and a question of 64 ids, at every scale: medians, in
 * milliseconds.
 */
final class ModelBenchmark {

    private static final int TEXT_IDS = 64;

    /** One further token alone is too short a time to be trusted. */
    private static final int FURTHER_TOKENS = 16;

    private static final int FEWEST_RUNS = 3;
    private static final int MOST_RUNS = 9;
    private static final Duration LONG = Duration.ofSeconds(10);

    private final M3Model model;
    private final M3Image picture;

    ModelBenchmark(M3Model model, M3Image picture) {
        this.model = model;
        this.picture = picture;
    }

    /**
     * What was measured.
     *
     * @param encode of the picture
     * @param prefill by scale, coarsest first
     * @param furtherToken at the finest scale
     */
    record Result(double encode, Map<Scale, Double> prefill, double furtherToken) {

        /** Encoding and prefill: what a caller waits for the first token of a new picture. */
        double timeToFirstToken(Scale scale) {
            return encode + prefill.get(scale);
        }

        /** Positions of the prompt. */
        static int positions(Scale scale) {
            return TEXT_IDS + scale.tokens();
        }
    }

    Result run(Progress progress) {
        List<Scale> scales = model.ladder().scales();
        int steps = scales.size() + 1;
        progress.show(0, steps);
        double encode = median(repeat(this::encode), Function.identity());
        Map<Scale, Double> prefill = new LinkedHashMap<>();
        double furtherToken = 0;
        try (EncodedImage image = model.encode(picture)) {
            for (Scale scale : scales) {
                progress.show(1 + prefill.size(), steps);
                boolean finest = scale.equals(model.ladder().finest());
                int tokens = finest ? 1 + FURTHER_TOKENS : 1;
                List<Timings> answers = repeat(() -> answer(image, scale, tokens));
                prefill.put(scale, median(answers, Timings::prefill));
                furtherToken = median(answers, Timings::timePerToken);
            }
        }
        return new Result(encode, prefill, furtherToken);
    }

    private Duration encode() {
        try (EncodedImage image = model.encode(picture)) {
            return image.encodeTime();
        }
    }

    private Timings answer(EncodedImage image, Scale scale, int tokens) {
        GenerationOptions options =
                GenerationOptions.builder()
                        .scale(scale)
                        .maxNewTokens(tokens)
                        .ignoreEndOfSequence(true)
                        .build();
        try (Generation generation = model.start(List.of(image), prompt(), options)) {
            while (generation.hasNext()) { // ids alone: nothing to show before the end
                generation.next();
            }
            return generation.timings(image.encodeTime());
        }
    }

    private long[] prompt() {
        int vocabulary = model.config().decoder().vocabularySize();
        if (vocabulary < TEXT_IDS) {
            throw new M3Exception(
                    "bench: expected a vocabulary of "
                            + TEXT_IDS
                            + " or more, found "
                            + vocabulary);
        }
        long[] ids = new long[TEXT_IDS + 1];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = i;
        }
        ids[0] = M3Tokenizer.IMAGE_ID;
        return ids;
    }

    /** After one that pays for what others find ready: many runs if they are short, few if long. */
    private static <T> List<T> repeat(Supplier<T> run) {
        run.get();
        List<T> results = new ArrayList<>();
        long start = System.nanoTime();
        while (results.size() < FEWEST_RUNS
                || (results.size() < MOST_RUNS && System.nanoTime() - start < LONG.toNanos())) {
            results.add(run.get());
        }
        return results;
    }

    private static <T> double median(List<T> runs, Function<T, Duration> time) {
        List<Duration> sorted = runs.stream().map(time).sorted().toList();
        return Milliseconds.of(sorted.get(sorted.size() / 2));
    }
}
