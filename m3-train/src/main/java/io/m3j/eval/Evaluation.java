package io.m3j.eval;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Asks a benchmark's questions at several scales, and counts what was right.
 *
 * <pre>{@code
 * Evaluation evaluation = new Evaluation(new ScenesBenchmark(), model.ladder().scales());
 * Answerer answerer = new ModelAnswerer(model, 16, BatchOptions.defaults());
 * EvaluationReport report = evaluation.run(questions, answerer, AnswerStore.inMemory());
 * }</pre>
 */
public final class Evaluation {

    private final Benchmark benchmark;
    private final List<Scale> scales;
    private final Progress progress;

    /** Told after each answer. */
    @FunctionalInterface
    public interface Progress {
        /**
         * @param done answers there are, and failures
         * @param total how many there will be
         */
        void show(int done, int total);
    }

    /**
     * @param benchmark says when an answer is right
     * @param scales to ask at, at least one
     */
    public Evaluation(Benchmark benchmark, List<Scale> scales) {
        this(benchmark, scales, (done, total) -> {});
    }

    /**
     * @param benchmark says when an answer is right
     * @param scales to ask at, at least one
     * @param progress told how it goes
     */
    public Evaluation(Benchmark benchmark, List<Scale> scales, Progress progress) {
        this.benchmark = required(benchmark, "benchmark");
        this.scales = required(scales, "scales").stream().distinct().sorted().toList();
        this.progress = required(progress, "progress");
        if (this.scales.isEmpty()) {
            throw new M3Exception("scales: expected at least one, found none");
        }
    }

    /**
     * Asks what the store has no answer to, and reports on all.
     *
     * @param questions in any order; those of one picture are asked together
     * @param answerer who answers
     * @param store keeps the answers, and knows those of earlier runs
     * @return the report, without provenance
     * @throws M3Exception if there is no question, or two of one id
     */
    public EvaluationReport run(
            Iterable<Question> questions, Answerer answerer, AnswerStore store) {
        Map<String, List<Question>> byImage = byImage(required(questions, "questions"));
        Map<String, Map<Scale, Prediction>> answers = new HashMap<>();
        store.known().forEach(prediction -> put(answers, prediction));
        List<Ask> asks = new ArrayList<>();
        int total = 0;
        for (List<Question> together : byImage.values()) {
            for (Scale scale : scales) { // questions at one scale begin alike, up to their picture
                for (Question question : together) {
                    total++;
                    if (!answers.getOrDefault(question.id(), Map.of()).containsKey(scale)) {
                        asks.add(new Ask(question, scale));
                    }
                }
            }
        }
        progress.show(total - asks.size(), total);
        Counted counted = new Counted(total - asks.size(), total, answers, store);
        answerer.answer(asks, counted);
        if (counted.done != total) {
            throw new IllegalStateException(
                    "the answerer told of " + counted.done + " of " + total + " questions");
        }
        ReportBuilder report = new ReportBuilder(benchmark, scales);
        for (List<Question> together : byImage.values()) {
            for (Question question : together) {
                report.add(question, answers.getOrDefault(question.id(), Map.of()));
            }
        }
        return report.build();
    }

    private static Map<String, List<Question>> byImage(Iterable<Question> questions) {
        Map<String, List<Question>> byImage = new LinkedHashMap<>();
        Set<String> ids = new HashSet<>();
        for (Question question : questions) {
            if (!ids.add(question.id())) {
                throw new M3Exception(
                        "question " + question.id() + ": expected each id once, found it again");
            }
            byImage.computeIfAbsent(question.image(), image -> new ArrayList<>()).add(question);
        }
        if (ids.isEmpty()) {
            throw new M3Exception("questions: expected at least one, found none");
        }
        return byImage;
    }

    private static void put(Map<String, Map<Scale, Prediction>> answers, Prediction prediction) {
        answers.computeIfAbsent(prediction.questionId(), id -> new HashMap<>())
                .put(prediction.scale(), prediction);
    }

    /** Keeps what the answerer tells. */
    private final class Counted implements Answerer.Outcomes {

        private int done;
        private final int total;
        private final Map<String, Map<Scale, Prediction>> answers;
        private final AnswerStore store;

        Counted(
                int done,
                int total,
                Map<String, Map<Scale, Prediction>> answers,
                AnswerStore store) {
            this.done = done;
            this.total = total;
            this.answers = answers;
            this.store = store;
        }

        @Override
        public void answered(Ask ask, String text, int visualTokens) {
            Prediction prediction =
                    new Prediction(ask.question().id(), ask.scale(), text, visualTokens);
            store.keep(ask.question(), prediction);
            put(answers, prediction);
            progress.show(++done, total);
        }

        @Override
        public void failed(Ask ask, String reason) {
            store.keepFailure(ask, reason);
            progress.show(++done, total);
        }
    }
}
