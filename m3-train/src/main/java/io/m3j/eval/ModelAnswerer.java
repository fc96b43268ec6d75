package io.m3j.eval;

import static io.m3j.core.Arguments.required;

import ai.djl.engine.EngineException;
import io.m3j.core.M3Exception;
import io.m3j.llm.Answer;
import io.m3j.llm.Batch;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.PreparedRequest;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * A model that answers greedily, many questions in one batch. Each picture is encoded once, when its
 * first question has a place in the batch, and freed with its last answer: no more pictures are held
 * than answers run. What cannot be answered (a damaged picture, a prompt that overflows the context)
 * fails alone.
 */
public final class ModelAnswerer implements Answerer {

    private final M3Model model;
    private final int maxNewTokens;
    private final BatchOptions limits;

    /**
     * @param model with a tokenizer; must stay open meanwhile
     * @param maxNewTokens after how many tokens an answer ends, at least 1
     * @param limits answers at once, and their memory
     */
    public ModelAnswerer(M3Model model, int maxNewTokens, BatchOptions limits) {
        this.model = required(model, "model");
        this.maxNewTokens = maxNewTokens;
        this.limits = required(limits, "limits");
    }

    @Override
    public void answer(List<Ask> asks, Outcomes outcomes) {
        try (Batch batch = model.newBatch(limits);
                Run run = new Run(asks, batch, outcomes)) {
            run.toItsEnd();
        }
    }

    /** A picture, open as long as it has questions. */
    private static final class Picture implements AutoCloseable {

        private final String name;
        private EncodedImage encoded; // none if it could not be had
        private String failure;
        private int questionsLeft;

        Picture(String name) {
            this.name = name;
        }

        @Override
        public void close() {
            if (encoded != null) {
                encoded.close();
            }
        }
    }

    /** An answer in the making. */
    private record Running(Ask ask, Picture picture, Batch.Member member) {}

    /** One call of {@link #answer}. */
    private final class Run implements AutoCloseable {

        private final List<Ask> asks;
        private final Batch batch;
        private final Outcomes outcomes;
        private final List<Running> running = new ArrayList<>();
        private final List<Picture> open = new ArrayList<>();
        private Picture picture; // of the next question
        private PreparedRequest waiting; // the next question, for which there was no place yet
        private int next;

        Run(List<Ask> asks, Batch batch, Outcomes outcomes) {
            this.asks = asks;
            this.batch = batch;
            this.outcomes = outcomes;
        }

        void toItsEnd() {
            while (next < asks.size() || !running.isEmpty()) {
                if (Thread.currentThread().isInterrupted()) {
                    throw new M3Exception("evaluation: interrupted after " + next + " questions");
                }
                fill();
                batch.step();
                leave();
            }
        }

        /** Joins questions as long as there are places. */
        private void fill() {
            while (next < asks.size()) {
                Ask ask = asks.get(next);
                try {
                    if (waiting == null) {
                        waiting = prepared(ask);
                    }
                    if (!batch.admits(waiting)) {
                        return;
                    }
                    running.add(new Running(ask, picture, batch.join(waiting)));
                } catch (M3Exception | EngineException e) {
                    outcomes.failed(ask, String.valueOf(e.getMessage()));
                    ended(picture);
                }
                waiting = null;
                next++;
            }
        }

        private PreparedRequest prepared(Ask ask) {
            if (picture == null || !picture.name.equals(ask.question().image())) {
                picture = opened(ask);
            }
            if (picture.failure != null) {
                throw new M3Exception(picture.failure);
            }
            GenerationOptions options =
                    GenerationOptions.builder()
                            .scale(ask.scale())
                            .maxNewTokens(maxNewTokens)
                            .build();
            return model.prepare(Request.of(picture.encoded, ask.question().text(), options));
        }

        private Picture opened(Ask first) {
            Picture opened = new Picture(first.question().image());
            for (int i = next; i < asks.size(); i++) {
                if (!asks.get(i).question().image().equals(opened.name)) {
                    break;
                }
                opened.questionsLeft++;
            }
            open.add(opened);
            try {
                opened.encoded = model.encode(first.question().picture().get());
            } catch (M3Exception | EngineException e) {
                opened.failure = String.valueOf(e.getMessage());
            }
            return opened;
        }

        private void leave() {
            Iterator<Running> all = running.iterator();
            while (all.hasNext()) {
                Running one = all.next();
                if (one.member.ended()) {
                    all.remove();
                    one.member
                            .failure()
                            .ifPresentOrElse(
                                    failure ->
                                            outcomes.failed(
                                                    one.ask, String.valueOf(failure.getMessage())),
                                    () -> answered(one));
                    ended(one.picture);
                }
            }
        }

        private void answered(Running one) {
            Answer answer = one.member.answer();
            outcomes.answered(one.ask, answer.text(), answer.visualTokens());
        }

        private void ended(Picture picture) {
            if (--picture.questionsLeft == 0) {
                open.remove(picture);
                picture.close();
            }
        }

        @Override
        public void close() {
            open.forEach(Picture::close);
        }
    }
}
