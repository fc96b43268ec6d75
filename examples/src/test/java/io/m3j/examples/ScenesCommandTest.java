package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.train.synthetic.Question;
import io.m3j.train.synthetic.Scene;
import io.m3j.train.synthetic.Scenes;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScenesCommandTest {

    @TempDir private Path directory;

    private static Run scenes(long seed, int count, Path out, String... more) {
        Object[] arguments = {"scenes", "--seed", seed, "--count", count, "--out", out};
        return Run.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray());
    }

    @Test
    void writesPicturesConversationsQuestionsAndAnswers() throws IOException {
        Path out = directory.resolve("made");
        JsonNode said = scenes(2_000_000, 3, out, "--json").json();
        assertThat(said.get("scenes").intValue()).isEqualTo(3);
        assertThat(said.get("questions").intValue()).isEqualTo(36);

        JsonNode train = Json.MAPPER.readTree(out.resolve("train.json").toFile());
        List<JsonNode> questions = lines(out.resolve("questions.jsonl"));
        List<JsonNode> answers = lines(out.resolve("answers.jsonl"));
        assertThat(train).hasSize(3);
        int row = 0;
        for (int i = 0; i < 3; i++) {
            Scene scene = Scenes.of(2_000_000).scene(i);
            JsonNode conversation = train.get(i);
            String image = conversation.get("image").textValue();
            assertThat(M3Image.of(out.resolve("images").resolve(image)))
                    .isEqualTo(M3Image.of(scene.picture()));
            assertThat(conversation.at("/conversations/0/value").textValue())
                    .isEqualTo("<image>\n" + scene.questions().get(0).text());
            assertThat(conversation.at("/conversations/23/from").textValue()).isEqualTo("gpt");
            assertThat(conversation.at("/conversations/23/value").textValue())
                    .isEqualTo(scene.questions().get(11).answer());
            for (Question question : scene.questions()) {
                assertThat(questions.get(row).get("image").textValue()).isEqualTo(image);
                assertThat(questions.get(row).get("text").textValue()).isEqualTo(question.text());
                assertThat(questions.get(row).get("category").textValue())
                        .isEqualTo(question.family().label());
                assertThat(answers.get(row).get("answer").textValue()).isEqualTo(question.answer());
                assertThat(answers.get(row).get("question_id"))
                        .isEqualTo(questions.get(row).get("question_id"));
                row++;
            }
        }
        assertThat(questions).hasSize(row);
        JsonNode facts = Json.MAPPER.readTree(out.resolve("scenes.json").toFile());
        assertThat(facts.get("seed").longValue()).isEqualTo(2_000_000);
        assertThat(facts.at("/options/words").intValue()).isEqualTo(48);
    }

    @Test
    void theSameSeedMakesTheSameFiles() throws IOException {
        Path one = directory.resolve("one");
        Path two = directory.resolve("two");
        scenes(5, 2, one);
        scenes(5, 2, two);
        List<Path> files;
        try (Stream<Path> all = Files.walk(one)) {
            files = all.filter(Files::isRegularFile).toList();
        }
        assertThat(files).hasSize(6);
        for (Path file : files) {
            assertThat(two.resolve(one.relativize(file))).hasSameBinaryContentAs(file);
        }
    }

    @Test
    void whatIsWrongIsToldInOneLineAndLeavesNothing() throws IOException {
        Path full = Files.createDirectory(directory.resolve("full"));
        Files.createFile(full.resolve("mine"));
        refused(scenes(1, 2, full), "nothing there or an empty directory");
        refused(scenes(1, 0, directory.resolve("none")), "--count 0: expected 1 or more");
        refused(scenes(1, 2, full.resolve("mine").resolve("under")), "nothing of it was kept");
        assertThat(Run.of("scenes", "--seed", "1").status()).isEqualTo(2);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(full);
        }
        Run text = scenes(1, 1, directory.resolve("text"));
        assertThat(text.status()).isZero();
        assertThat(text.out()).isEmpty();
        assertThat(text.err()).startsWith("m3: wrote ").contains("12 questions").hasLineCount(1);
    }

    @Test
    void theHelpSaysWhichSeedsAreForWhat() {
        assertThat(Run.of("scenes", "--help").out()).contains("2000000 to 2999999 to report");
    }

    private static List<JsonNode> lines(Path file) throws IOException {
        List<JsonNode> nodes = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            nodes.add(Json.MAPPER.readTree(line));
        }
        return nodes;
    }

    private static void refused(Run run, String message) {
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains(message).hasLineCount(1);
    }
}
