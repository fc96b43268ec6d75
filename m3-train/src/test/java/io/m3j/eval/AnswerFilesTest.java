package io.m3j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Answers on disk: what a killed evaluation finds again. */
class AnswerFilesTest {

    private static final List<Scale> SCALES = List.of(Scale.of(1), Scale.of(9));
    private static final List<Question> QUESTIONS = MadeQuestions.of(8);
    private static final Map<String, String> SETTINGS = Map.of("model", "A");

    @TempDir private Path directory;

    private EvaluationReport run(FakeAnswerer answerer) {
        try (AnswerFiles files = AnswerFiles.open(directory, "fake", SETTINGS)) {
            return new Evaluation(new ScenesBenchmark(), SCALES).run(QUESTIONS, answerer, files);
        }
    }

    private static FakeAnswerer fake() {
        return new FakeAnswerer(
                ask -> ask.question().answer() + (ask.scale().tokens() == 1 ? " é\n" : ""));
    }

    @Test
    void answersAreLinesInTheFormOfLlava() throws IOException {
        run(fake());
        List<String> lines = Files.readAllLines(directory.resolve("answers-9.jsonl"));
        assertThat(lines).hasSize(QUESTIONS.size());
        JsonNode first = new ObjectMapper().readTree(lines.get(0));
        assertThat(first.get("question_id").textValue()).isEqualTo("q0");
        assertThat(first.get("prompt").textValue()).isEqualTo("What is number 0?");
        assertThat(first.get("text").textValue()).isEqualTo("answer 0");
        assertThat(first.get("answer_id").textValue()).isEqualTo("q0@9");
        assertThat(first.get("model_id").textValue()).isEqualTo("fake");
        assertThat(first.at("/metadata/scale").intValue()).isEqualTo(9);
        assertThat(first.at("/metadata/visual_tokens").intValue()).isEqualTo(9);
    }

    @Test
    void cutAtAnyByteAnEvaluationGoesOnWhereItWas() throws IOException {
        EvaluationReport whole = run(fake());
        Path file = directory.resolve("answers-1.jsonl");
        byte[] bytes = Files.readAllBytes(file);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 60; i++) {
            int cut = i == 0 ? bytes.length - 1 : random.nextInt(bytes.length + 1);
            byte[] left = Arrays.copyOf(bytes, cut);
            Files.write(file, left);
            int kept = 0;
            for (byte b : left) {
                kept += b == '\n' ? 1 : 0;
            }
            FakeAnswerer again = fake();
            EvaluationReport resumed = run(again);
            assertThat(again.asked())
                    .as("cut at %s of %s, seed %s", cut, bytes.length, seed)
                    .hasSize(QUESTIONS.size() - kept)
                    .allMatch(ask -> ask.scale().tokens() == 1);
            assertThat(resumed.json()).isEqualTo(whole.json());
            assertThat(file).hasBinaryContent(bytes);
        }
    }

    @Test
    void whatFailedIsToldBesideTheAnswersAndAskedAgain() throws IOException {
        FakeAnswerer once = new FakeAnswerer(ask -> ask.question().id().equals("q5") ? null : "");
        assertThat(run(once).totalErrors()).isEqualTo(2);
        List<String> errors = Files.readAllLines(directory.resolve(AnswerFiles.ERRORS));
        assertThat(errors).hasSize(2).allMatch(line -> line.contains("made to fail"));
        assertThat(errors.get(0)).contains("\"q5\"", "\"p1\"");

        FakeAnswerer again = fake();
        EvaluationReport report = run(again);
        assertThat(again.asked()).hasSize(2).allMatch(ask -> ask.question().id().equals("q5"));
        assertThat(report.totalErrors()).isZero();
        assertThat(directory.resolve(AnswerFiles.ERRORS)).doesNotExist();
    }

    @Test
    void answersOfAnotherModelAreNotGoneOnWith() throws IOException {
        run(fake());
        assertThatThrownBy(() -> AnswerFiles.open(directory, "fake", Map.of("model", "B")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("model was A and is B");
        assertThatThrownBy(() -> AnswerFiles.open(directory, "fake", Map.of()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("model was A and is not told");
        Files.writeString(directory.resolve("evaluation.json"), "{");
        assertThatThrownBy(() -> run(fake()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("evaluation.json: not valid JSON");
    }

    @Test
    void aLineThatIsNoneOfOursIsNamed() throws IOException {
        run(fake());
        Path file = directory.resolve("answers-9.jsonl");
        Files.writeString(file, "{\"question_id\":\"q0\",\"text\":\"a\"}\n");
        assertThatThrownBy(() -> run(fake()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("answers-9.jsonl, line 1")
                .hasMessageContaining("visual_tokens");
    }
}
