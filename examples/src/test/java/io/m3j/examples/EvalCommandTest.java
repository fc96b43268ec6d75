package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code eval}, with the checkpoint that comes with m3 and pictures of one colour. */
class EvalCommandTest {

    private static final List<Color> COLOURS = List.of(Color.RED, Color.GREEN, Color.BLUE);
    private static final List<String> NAMES = List.of("red", "green", "blue");

    @TempDir private Path directory;
    private Path benchmark;
    private Path out;

    @BeforeEach
    void draw() throws IOException {
        benchmark = directory.resolve("scenes");
        out = directory.resolve("out");
        Files.createDirectories(benchmark.resolve("images"));
        List<String> questions = new ArrayList<>();
        List<String> answers = new ArrayList<>();
        for (int i = 0; i < COLOURS.size(); i++) {
            BufferedImage picture = new BufferedImage(48, 32, BufferedImage.TYPE_INT_RGB);
            Graphics2D graphics = picture.createGraphics();
            graphics.setColor(COLOURS.get(i));
            graphics.fillRect(0, 0, 48, 32);
            graphics.dispose();
            String file = i + ".png";
            ImageIO.write(picture, "png", benchmark.resolve("images").resolve(file).toFile());
            questions.add(question(2 * i, file, "What colour is it?", "colour"));
            questions.add(question(2 * i + 1, file, "How many things are there?", "count"));
            answers.add(answer(2 * i, NAMES.get(i)));
            answers.add(answer(2 * i + 1, "none"));
        }
        Files.write(benchmark.resolve("questions.jsonl"), questions);
        Files.write(benchmark.resolve("answers.jsonl"), answers);
    }

    private static String question(int id, String image, String text, String category) {
        return Json.line(
                Json.object()
                        .put("question_id", "s" + id)
                        .put("image", image)
                        .put("text", text)
                        .put("category", category));
    }

    private static String answer(int id, String answer) {
        return Json.line(Json.object().put("question_id", "s" + id).put("answer", answer));
    }

    private Run eval(Object... more) {
        Object[] arguments = {
            "eval",
            "--benchmark",
            "scenes",
            "--questions",
            benchmark,
            "--out",
            out,
            "--max-new-tokens",
            3
        };
        return Run.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray());
    }

    private JsonNode report() throws IOException {
        return Json.MAPPER.readTree(out.resolve("report.json").toFile());
    }

    @Test
    void everyScaleIsAskedAndReported() throws IOException {
        Run run = eval("--json");
        JsonNode report = run.json();
        assertThat(report).isEqualTo(report());
        assertThat(report.get("benchmark").textValue()).isEqualTo("scenes");
        assertThat(report.get("samples").intValue()).isEqualTo(6);
        for (String scale : new String[] {"1", "9", "36", "144", "576"}) {
            assertThat(report.get("accuracy").get(scale).isNumber()).isTrue();
            assertThat(report.at("/by_category/colour").get(scale).isNumber()).isTrue();
            assertThat(report.get("mean_tokens").get(scale).doubleValue())
                    .isEqualTo(Integer.parseInt(scale));
            assertThat(Files.readAllLines(out.resolve("answers-" + scale + ".jsonl"))).hasSize(6);
        }
        assertThat(report.at("/oracle/accuracy").isNumber()).isTrue();
        assertThat(report.at("/oracle/mean_tokens").doubleValue()).isGreaterThanOrEqualTo(1);
        assertThat(report.at("/provenance/precision").textValue()).isEqualTo("float32");
        assertThat(report.at("/provenance/pooling").textValue()).isEqualTo("average");
        assertThat(ImageIO.read(out.resolve("accuracy.png").toFile())).isNotNull();
    }

    /** Of pictures that are all grey, all answers to one question are the same. */
    @Test
    void withBlankPicturesTheQuestionAloneIsAnswered() throws IOException {
        assertThat(eval("--tokens", "9", "--blank").status()).isZero();
        List<String> answers = new ArrayList<>();
        for (String line : Files.readAllLines(out.resolve("answers-9.jsonl"))) {
            answers.add(Json.MAPPER.readTree(line).get("text").textValue());
        }
        assertThat(answers).hasSize(6);
        assertThat(answers.subList(2, 4)).isEqualTo(answers.subList(0, 2));
        assertThat(answers.subList(4, 6)).isEqualTo(answers.subList(0, 2));
        assertThat(report().at("/provenance/pictures").textValue()).isEqualTo("blank");
        Run seeing = eval("--tokens", "9");
        assertThat(seeing.status()).isNotZero();
        assertThat(seeing.err()).contains("pictures");
    }

    @Test
    void asTextAMarkdownTableIsPrintedAndASecondRunAsksNothingAgain() throws IOException {
        Run first = eval("--tokens", "1,36", "--limit", 4);
        assertThat(first.status()).as(first.err()).isZero();
        assertThat(first.out()).startsWith("| accuracy, % | questions | 1 | 36 |\n");
        byte[] answers = Files.readAllBytes(out.resolve("answers-36.jsonl"));
        assertThat(report().get("samples").intValue()).isEqualTo(4);

        assertThat(eval("--tokens", "1,36", "--limit", 4).out()).isEqualTo(first.out());
        assertThat(out.resolve("answers-36.jsonl")).hasBinaryContent(answers);

        Run more = eval("--tokens", "36", "--control", out);
        assertThat(more.out()).contains("| **all** | 6 |");
        assertThat(Files.readAllLines(out.resolve("answers-36.jsonl"))).hasSize(6);
        assertThat(more.status()).isEqualTo(1); // the control was asked four questions only
        assertThat(more.err()).contains("the same questions");
    }

    @Test
    void theControlsReportIsComparedWithTheModels() {
        eval("--tokens", "1,9", "--pooling", "sequential");
        Path control = out;
        out = directory.resolve("other");
        Run run = eval("--tokens", "9", "--control", control);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("| accuracy, % (points) | questions | 9 |", "→");
    }

    @Test
    void answersOfAnotherPoolingAreNotGoneOnWith() {
        eval("--tokens", "9");
        refused(
                eval("--tokens", "9", "--pooling", "spatial"),
                "pooling was average and is spatial");
    }

    @Test
    void aDamagedPictureIsCountedAndTold() throws IOException {
        Files.writeString(benchmark.resolve("images/1.png"), "no picture");
        Run run = eval("--tokens", "9", "--json");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("2 of 6 answers are missing", "errors.jsonl");
        assertThat(Json.MAPPER.readTree(run.out()).at("/errors/9").intValue()).isEqualTo(2);
        assertThat(out.resolve("errors.jsonl")).content().contains("\"s2\"", "not a picture");
    }

    @Test
    void whatIsWrongIsToldInOneLineBeforeAnythingIsAsked() throws IOException {
        refused(eval("--pooling", "mean"), "--pooling mean: expected one of average, spatial, seq");
        refused(eval("--limit", 0), "--limit 0: expected at least 1");
        refused(eval("--tokens", "7"), "scale 7");
        refused(eval("--tokens", "16"), "1, 9, 36, 144, 576");
        refused(eval("--tokens", "auto"), "not built yet");
        refused(eval("--model", directory.resolve("none")), "none");
        refused(eval("--images", directory.resolve("none")), "none: expected a directory");
        refused(eval("--control", directory), "report.json: no such file");
        refused(
                Run.of("eval", "--benchmark", "pope", "--questions", benchmark, "--out", out),
                "--benchmark pope: expected one of scenes");
        refused(
                Run.of("eval", "--benchmark", "scenes", "--questions", directory, "--out", out),
                "questions.jsonl: no such file");
        assertThat(Run.of("eval", "--benchmark", "scenes", "--out", out).status()).isEqualTo(2);

        Files.delete(benchmark.resolve("images/2.png"));
        refused(eval(), "2.png: no such file, and so for 1 questions more");
        Files.writeString(benchmark.resolve("answers.jsonl"), answer(0, "red"));
        refused(eval(), "questions.jsonl, line 2: question s1 has no answer");
        Files.delete(benchmark.resolve("answers.jsonl"));
        refused(eval(), "answers.jsonl: no such file");
        Files.writeString(benchmark.resolve("answers.jsonl"), "");
        Files.writeString(benchmark.resolve("questions.jsonl"), "");
        refused(eval(), "questions.jsonl: no question in it");
        Files.writeString(benchmark.resolve("questions.jsonl"), "{\"question_id\":[]}");
        refused(eval(), "questions.jsonl, line 1: \"question_id\"");
        assertThat(out).doesNotExist();

        Files.writeString(out, "a file");
        refused(eval(), "--out " + out + ": expected a directory");
    }

    private static void refused(Run run, String message) {
        assertThat(run.err().lines().filter(line -> !line.contains("untrained")))
                .singleElement()
                .asString()
                .startsWith("m3: ")
                .contains(message);
        assertThat(run.status()).isEqualTo(1);
    }
}
