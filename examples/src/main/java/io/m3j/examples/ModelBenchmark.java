package io.m3j.examples;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.NestedTokens;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.generate.Timings;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import io.m3j.vision.NestedVisionEncoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a model takes for a picture and a question of 64 ids, at every scale. All is measured in rounds,
 * each of which runs everything once: where the machine's speed drifts, it drifts for all.
 */
final class ModelBenchmark {

    private static final int TEXT_IDS = 64;

    /** One further token alone is too short a time to be trusted. */
    private static final int FURTHER_TOKENS = 16;

    /** Steps of a round. */
    enum Step {
        ENCODE,
        PREPROCESS,
        TOWER,
        PROJECT,
        DECODE
    }

    /**
     * How often.
     *
     * @param fewest rounds, after one that pays for what the others find ready
     * @param most rounds
     * @param enough no further round begins after this, unless there are too few
     * @param tooLong nor after this, in any case
     */
    record Repeats(int fewest, int most, Duration enough, Duration tooLong) {
        static final Repeats FULL =
                new Repeats(3, 9, Duration.ofSeconds(45), Duration.ofSeconds(150));
        static final Repeats QUICK =
                new Repeats(1, 3, Duration.ofSeconds(5), Duration.ofSeconds(150));

        boolean goOn(int rounds, Duration taken) {
            return rounds < most && taken.compareTo(rounds < fewest ? tooLong : enough) < 0;
        }
    }

    /**
     * What was measured, as far as it was asked for.
     *
     * @param steps of a picture; and a further token at the finest scale
     * @param pool by scale, coarsest first
     * @param prefill likewise
     */
    record Result(Map<Step, Spread> steps, Map<Scale, Spread> pool, Map<Scale, Spread> prefill) {

        /** Encoding, pooling and prefill: what a caller waits for the first token of a new picture. */
        double timeToFirstToken(Scale scale) {
            return steps.get(Step.ENCODE).median()
                    + pool.get(scale).median()
                    + prefill.get(scale).median();
        }

        /** Whether {@link #timeToFirstToken} can be told. */
        boolean hasTimesToFirstToken() {
            return steps.containsKey(Step.ENCODE) && !prefill.isEmpty();
        }
    }

    private final M3Model model;
    private final M3Image picture;
    private final Set<BenchPart> parts;
    private final Repeats repeats;
    private final Map<Step, List<Duration>> steps = new EnumMap<>(Step.class);
    private final Map<Scale, List<Duration>> pool = new TreeMap<>();
    private final Map<Scale, List<Duration>> prefill = new TreeMap<>();

    /**
     * @param model to measure
     * @param picture to show it
     * @param parts what to measure
     * @param repeats how often
     */
    ModelBenchmark(M3Model model, M3Image picture, Set<BenchPart> parts, Repeats repeats) {
        this.model = model;
        this.picture = picture;
        this.parts = parts;
        this.repeats = repeats;
    }

    /** Positions of the prompt. */
    static int positions(Scale scale) {
        return TEXT_IDS + scale.tokens();
    }

    Result run(Progress progress) {
        progress.show(0, 1 + repeats.fewest());
        try (EncodedImage image = model.encode(picture)) {
            round(image);
            List.of(steps, pool, prefill).forEach(Map::clear);
            long start = System.nanoTime();
            int rounds = 0;
            while (repeats.goOn(rounds, Duration.ofNanos(System.nanoTime() - start))) {
                progress.show(1 + rounds, Math.max(2 + rounds, 1 + repeats.fewest()));
                round(image);
                rounds++;
            }
        }
        return new Result(spreads(steps), spreads(pool), spreads(prefill));
    }

    private void round(EncodedImage image) {
        if (parts.contains(BenchPart.ENCODE)) {
            encode();
            stepByStep();
        }
        Scale finest = model.ladder().finest();
        boolean decode = parts.contains(BenchPart.DECODE);
        for (Scale scale : model.ladder().scales()) {
            boolean further = decode && scale.equals(finest);
            if (further || parts.contains(BenchPart.PREFILL)) {
                answer(image, scale, further ? 1 + FURTHER_TOKENS : 1);
            }
        }
    }

    private void encode() {
        try (EncodedImage image = model.encode(picture)) {
            add(steps, Step.ENCODE, image.encodeTime());
        }
    }

    private void stepByStep() {
        NestedVisionEncoder encoder = model.encoder();
        try (NDManager scope = model.newManager()) {
            long start = System.nanoTime();
            NDArray pixels = encoder.pixels(scope, picture);
            long preprocessed = finished(pixels);
            NDArray features = encoder.features(scope, pixels);
            long seen = finished(features);
            NDArray tokens = encoder.project(scope, features);
            long projected = finished(tokens);
            add(steps, Step.PREPROCESS, Duration.ofNanos(preprocessed - start));
            add(steps, Step.TOWER, Duration.ofNanos(seen - preprocessed));
            add(steps, Step.PROJECT, Duration.ofNanos(projected - seen));
            for (Scale scale : model.ladder().scales()) {
                try (NestedTokens nested = encoder.nest(tokens.duplicate())) {
                    long before = finished(nested.at(model.ladder().finest()));
                    long after = finished(nested.at(scale));
                    add(pool, scale, Duration.ofNanos(after - before));
                }
            }
        }
    }

    /** The time when the numbers of an array are there: on a GPU, calls return before that. */
    private static long finished(NDArray array) {
        array.getFloat(new long[array.getShape().dimension()]);
        return System.nanoTime();
    }

    private void answer(EncodedImage image, Scale scale, int tokens) {
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
            Timings timings = generation.timings(image.encodeTime());
            if (parts.contains(BenchPart.PREFILL)) {
                add(prefill, scale, timings.prefill());
            }
            if (tokens > 1) {
                add(steps, Step.DECODE, timings.timePerToken());
            }
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

    private static <K> void add(Map<K, List<Duration>> runs, K key, Duration taken) {
        runs.computeIfAbsent(key, first -> new ArrayList<>()).add(taken);
    }

    private static <K> Map<K, Spread> spreads(Map<K, List<Duration>> runs) {
        return runs.entrySet().stream()
                .collect(
                        Collectors.toMap(
                                Map.Entry::getKey,
                                entry -> Spread.of(entry.getValue()),
                                (one, other) -> one,
                                TreeMap::new));
    }
}
