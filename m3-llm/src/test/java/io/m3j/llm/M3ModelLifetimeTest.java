package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.tokenizer.OwnTokenizerJson;
import io.m3j.vision.EncodedImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Several threads, and what happens after and during closing. */
@Timeout(120)
class M3ModelLifetimeTest {

    private static final long[] PROMPT = {1, 462, 404, -200, 474, 31};
    private static final int THREADS = 3;

    private static GenerationOptions options(int scale, int tokens) {
        return GenerationOptions.builder()
                .scale(Scale.of(scale))
                .maxNewTokens(tokens)
                .ignoreEndOfSequence(true)
                .build();
    }

    private static M3Model load() {
        return GoldenRequests.model("llava-m3");
    }

    @Test
    void everyCallAfterClosingIsRefused() {
        M3Model model = load();
        EncodedImage image = model.encode(M3ModelTest.picture());
        image.at(Scale.of(9));
        Generation generation = model.start(List.of(image), PROMPT, options(9, 20), List.of());
        generation.next();
        NDArray logits = model.logits(image, PROMPT, Scale.of(1));
        model.close();
        model.close();
        refused(() -> model.encode(M3ModelTest.picture()));
        refused(() -> model.logits(List.of(), new long[] {1}, Scale.of(1)));
        refused(() -> model.logits(image, PROMPT, Scale.of(1)));
        refused(() -> model.generateIds(List.of(), new long[] {1}, options(1, 1)));
        refused(() -> model.generate(image, "What?", options(1, 1), piece -> {}));
        refused(() -> model.ask(M3ModelTest.picture(), "What?", Scale.of(1)));
        refused(model::tokenizer);
        refused(model::newManager);
        refused(() -> model.encoder().encode(M3ModelTest.picture()));
        refused(() -> image.at(Scale.of(36)));
        refused(() -> image.at(Scale.of(9)));
        refused(image::tiles);
        refused(() -> generation.forEachRemaining(piece -> {}));
        refused(logits::toFloatArray);
        generation.close();
        logits.close();
        image.close();
        image.close();
    }

    @Test
    void aClosedImageIsRefusedAndTheModelGoesOn() {
        try (M3Model model = load()) {
            EncodedImage image = model.encode(M3ModelTest.picture());
            Generation generation = model.start(List.of(image), PROMPT, options(9, 200), List.of());
            EncodedImage other = model.encode(M3ModelTest.picture());
            other.close();
            other.close();
            refused(() -> other.at(Scale.of(1)));
            refused(() -> model.logits(other, PROMPT, Scale.of(1)));
            refused(() -> model.generateIds(List.of(other), PROMPT, options(1, 1)));
            assertThat(generation.next()).isNotEmpty();
            // The prompt was read: the picture is no longer needed.
            image.close();
            assertThat(generation.hasNext()).isTrue();
            generation.close();
            generation.close();
            Generation late = model.start(List.of(), new long[] {1}, options(1, 2), List.of());
            late.close();
            refused(late::hasNext);
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void answersAtTheSameTimeEqualThoseOneByOne(Precision precision) throws Exception {
        try (M3Model model = GoldenRequests.model("llava-m3", precision);
                EncodedImage image = model.encode(M3ModelTest.picture())) {
            List<Integer> scales = List.of(1, 9, 36, 144);
            List<List<Long>> alone = new ArrayList<>();
            for (int scale : scales) {
                alone.add(model.generateIds(List.of(image), PROMPT, options(scale, 12)));
            }
            Callable<List<List<Long>>> all =
                    () -> {
                        // A picture of the thread's own, and one that all share.
                        try (EncodedImage own = model.encode(M3ModelTest.picture())) {
                            List<List<Long>> answers = new ArrayList<>();
                            for (int scale : scales) {
                                EncodedImage each = scale % 2 == 0 ? own : image;
                                answers.add(
                                        model.generateIds(
                                                List.of(each), PROMPT, options(scale, 12)));
                            }
                            return answers;
                        }
                    };
            ExecutorService threads = Executors.newFixedThreadPool(THREADS);
            try {
                for (Future<List<List<Long>>> each :
                        threads.invokeAll(java.util.Collections.nCopies(2 * THREADS, all))) {
                    assertThat(each.get()).isEqualTo(alone);
                }
            } finally {
                threads.shutdownNow();
            }
        }
    }

    /** Each thread goes on until it is turned away; none may see freed memory. */
    @Test
    void closingUnderRunningCallsTurnsThemAway() throws Exception {
        for (int round = 0; round < 6; round++) {
            M3Model model = load();
            EncodedImage image = model.encode(M3ModelTest.picture());
            List<Runnable> calls =
                    List.of(
                            () -> model.generateIds(List.of(image), PROMPT, options(9, 50)),
                            () -> model.logits(image, PROMPT, Scale.of(36)).close(),
                            () -> model.encode(M3ModelTest.picture()).at(Scale.of(1)),
                            () -> image.at(Scale.of(144)),
                            () -> model.encoder().encode(M3ModelTest.picture()).close());
            // Whatever they are at.
            UntilTurnedAway.close(calls, 20L * round, model::close);
            image.close();
        }
    }

    /** A tokenizer.json is run by a native library: text must not reach it once it was freed. */
    @Test
    void closingUnderQuestionsTurnsThemAway(@TempDir Path directory) throws Exception {
        OwnTokenizerJson.convert(
                Golden.checkpoint("tokenizer").resolve("tokenizer.model"), directory);
        LoadOptions options = LoadOptions.builder().tokenizer(directory).build();
        String question = "What is it? ".repeat(100);
        for (int round = 0; round < 6; round++) {
            M3Model model = M3Model.load(Golden.checkpoint("llava-m3"), options);
            EncodedImage image = model.encode(M3ModelTest.picture());
            List<Runnable> calls =
                    List.of(
                            () -> model.generate(image, question, options(1, 5), piece -> {}),
                            () -> model.ask(M3ModelTest.picture(), question, Scale.of(1)),
                            () -> tooLong(model, question.repeat(50)),
                            () -> tooLong(model, question.repeat(50)),
                            () -> model.tokenizer().encode(question.repeat(50)));
            UntilTurnedAway.close(calls, 30L * round, model::close);
            image.close();
        }
    }

    /** Spends its time in the tokenizer: the context has no room for so many ids. */
    private static void tooLong(M3Model model, String question) {
        try {
            model.generate(List.of(), question, options(1, 5), piece -> {});
        } catch (M3Exception e) {
            assertThat(e).hasMessageContaining("context");
        }
    }

    private static void refused(Runnable call) {
        assertThatThrownBy(call::run).isInstanceOf(IllegalStateException.class);
    }
}
