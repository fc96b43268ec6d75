package io.m3j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Precision;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A real model behind an evaluation: the one that comes with m3. */
class ModelAnswererTest {

    private static final int NEW_TOKENS = 5;
    private static final List<Scale> SCALES = List.of(Scale.of(1), Scale.of(36));

    private static M3Model model;

    @BeforeAll
    static void load() {
        LoadOptions options = LoadOptions.builder().precision(Precision.FLOAT32).build();
        model = M3Model.load(Path.of("../examples/src/test/home/models/m3j-tiny"), options);
    }

    @AfterAll
    static void close() {
        model.close();
    }

    /** What came of each, by {@code question@scale}. */
    private static final class Heard implements Answerer.Outcomes {

        private final Map<String, String> answers = new TreeMap<>();
        private final Map<String, String> failures = new TreeMap<>();

        @Override
        public void answered(Ask ask, String text, int visualTokens) {
            assertThat(visualTokens).isEqualTo(ask.scale().tokens());
            answers.put(ask.question().id() + "@" + ask.scale(), text);
        }

        @Override
        public void failed(Ask ask, String reason) {
            failures.put(ask.question().id() + "@" + ask.scale(), reason);
        }
    }

    private static List<Ask> asks(List<Question> questions) {
        List<Ask> asks = new ArrayList<>();
        SCALES.forEach(scale -> questions.forEach(q -> asks.add(new Ask(q, scale))));
        return asks;
    }

    private static Heard answers(List<Ask> asks, int maxRunning) {
        Heard heard = new Heard();
        BatchOptions limits = BatchOptions.builder().maxRunning(maxRunning).build();
        new ModelAnswerer(model, NEW_TOKENS, limits).answer(asks, heard);
        return heard;
    }

    private static Question question(String id, String image, M3Image picture, String text) {
        return new Question(id, image, () -> picture, text, "all", "");
    }

    private static M3Image picture(int seed) {
        byte[] rgb = new byte[3 * 40 * 30];
        new Random(seed).nextBytes(rgb);
        return M3Image.ofRgb(40, 30, rgb);
    }

    @Test
    void everyAnswerIsTheOneThatIsGivenAlone() {
        int before = model.managedArrays();
        List<Ask> asks = new ArrayList<>();
        Map<String, String> expected = new TreeMap<>();
        for (int i = 0; i < 4; i++) {
            M3Image picture = picture(i);
            List<Question> questions =
                    List.of(
                            question("a" + i, "p" + i, picture, "What is it?"),
                            question("b" + i, "p" + i, picture, "How many are on the sign?"));
            asks.addAll(asks(questions));
            try (EncodedImage encoded = model.encode(picture)) {
                for (Ask ask : asks(questions)) {
                    GenerationOptions options =
                            GenerationOptions.builder()
                                    .scale(ask.scale())
                                    .maxNewTokens(NEW_TOKENS)
                                    .build();
                    expected.put(
                            ask.question().id() + "@" + ask.scale(),
                            model.generate(encoded, ask.question().text(), options, p -> {})
                                    .text());
                }
            }
        }
        Heard heard = answers(asks, 3);
        assertThat(heard.failures).isEmpty();
        assertThat(heard.answers).isEqualTo(expected);
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    @Test
    void aPictureIsReadOnceAndFreedBeforeManyAreOpen() {
        int[] read = new int[6];
        int[] arrays = new int[6];
        List<Ask> asks = new ArrayList<>();
        for (int i = 0; i < read.length; i++) {
            int number = i;
            Question one =
                    new Question(
                            "q" + i,
                            "p" + i,
                            () -> {
                                arrays[number] = model.managedArrays();
                                read[number]++;
                                return picture(number);
                            },
                            "What is it?",
                            "all",
                            "");
            asks.addAll(asks(List.of(one)));
        }
        answers(asks, 2);
        assertThat(read).containsOnly(1);
        // A batch of two holds two pictures at most, however many there are.
        assertThat(arrays[5] - arrays[2]).isLessThanOrEqualTo(arrays[2] - arrays[0]);
    }

    @Test
    void whatCannotBeAnsweredFailsAlone() {
        int before = model.managedArrays();
        Question damaged =
                new Question(
                        "damaged",
                        "bad.png",
                        () -> M3Image.of(new byte[] {1, 2, 3}),
                        "What is it?",
                        "all",
                        "");
        Question good = question("good", "good.png", picture(1), "What is it?");
        Question twoSlots = question("slots", "good.png", picture(1), "<image> or <image>?");
        Question tooLong = question("long", "good.png", picture(1), "word ".repeat(4000));
        List<Ask> asks = asks(List.of(damaged));
        asks.addAll(asks(List.of(good, twoSlots, tooLong)));
        Heard heard = answers(asks, 8);
        assertThat(heard.answers.keySet()).containsExactly("good@1", "good@36");
        assertThat(heard.failures).hasSize(6);
        assertThat(heard.failures.get("damaged@36")).contains("image of 3 bytes");
        assertThat(heard.failures.get("slots@1")).contains("2 image slots");
        assertThat(heard.failures.get("long@1")).contains("context");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    @Test
    void anInterruptEndsItAndFreesEverything() {
        int before = model.managedArrays();
        Question one =
                new Question(
                        "q",
                        "p",
                        () -> {
                            Thread.currentThread().interrupt();
                            return picture(2);
                        },
                        "What is it?",
                        "all",
                        "");
        try {
            assertThatThrownBy(() -> answers(asks(List.of(one)), 4))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("interrupted");
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(model.managedArrays()).isEqualTo(before);
    }
}
