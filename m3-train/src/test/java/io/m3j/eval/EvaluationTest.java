package io.m3j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.m3j.core.ForcedFiles;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is counted of answers that are known. */
class EvaluationTest {

    private static final Scale ONE = Scale.of(1);
    private static final Scale NINE = Scale.of(9);

    @TempDir private Path directory;

    /** 10 questions, 5 even and 5 odd: at 1 the even ones are right, at 9 all but q1 and q3. */
    private static String halfRight(Ask ask) {
        int number = Integer.parseInt(ask.question().id().substring(1));
        boolean right = ask.scale().equals(ONE) ? number % 2 == 0 : number != 1 && number != 3;
        return right ? " Answer " + number + ". " : "no idea";
    }

    private static EvaluationReport report(FakeAnswerer answerer) {
        return new Evaluation(new ScenesBenchmark(), List.of(NINE, ONE))
                .run(MadeQuestions.of(10), answerer, AnswerStore.inMemory());
    }

    @Test
    void everyFigureIsThatOfTheAnswers() {
        EvaluationReport report = report(new FakeAnswerer(EvaluationTest::halfRight));
        assertThat(report.benchmark()).isEqualTo("scenes");
        assertThat(report.samples()).isEqualTo(10);
        assertThat(report.accuracy()).isEqualTo(Map.of(ONE, 0.5, NINE, 0.8));
        assertThat(report.byCategory())
                .isEqualTo(
                        Map.of(
                                "even",
                                Map.of(ONE, 1.0, NINE, 1.0),
                                "odd",
                                Map.of(ONE, 0.0, NINE, 0.6)));
        assertThat(report.samplesByCategory()).isEqualTo(Map.of("even", 5, "odd", 5));
        assertThat(report.meanTokens()).isEqualTo(Map.of(ONE, 1.0, NINE, 9.0));
        assertThat(report.oracle().accuracy()).isCloseTo(0.8, within(1e-12));
        assertThat(report.oracle().meanTokens()).isCloseTo(3.4, within(1e-12)); // 7 × 1, 3 × 9
        assertThat(report.oracle().wrongAtAllScales()).isEqualTo(2);
        assertThat(report.totalErrors()).isZero();
        assertThat(report.confusions().get("even")).isEmpty();
        assertThat(report.confusions().get("odd").get(NINE))
                .containsExactly(
                        new Confusion("answer 1", "no idea", 1),
                        new Confusion("answer 3", "no idea", 1));
    }

    @Test
    @DisabledOnOs(OS.WINDOWS) // which lets no directory be forced
    void aReportAndItsNameAreForcedToTheDisk() throws IOException {
        EvaluationReport report = report(new FakeAnswerer(EvaluationTest::halfRight));
        try (ForcedFiles forced = new ForcedFiles()) {
            report.write(directory.resolve(EvaluationReport.FILE));
            assertThat(forced.paths()).hasSize(2).endsWith(directory);
        }
    }

    @Test
    void questionsOfOnePictureAreAskedTogetherAScaleAfterTheOther() {
        FakeAnswerer answerer = new FakeAnswerer(EvaluationTest::halfRight);
        List<Question> apart =
                List.of(
                        MadeQuestions.of(10).get(0),
                        MadeQuestions.of(10).get(9),
                        MadeQuestions.of(10).get(2));
        new Evaluation(new ScenesBenchmark(), List.of(NINE, ONE))
                .run(apart, answerer, AnswerStore.inMemory());
        assertThat(answerer.asked())
                .extracting(ask -> ask.question().id() + "@" + ask.scale())
                .containsExactly("q0@1", "q2@1", "q0@9", "q2@9", "q9@1", "q9@9");
    }

    @Test
    void aQuestionWithoutAnAnswerIsAnErrorAndNoEmptyAnswer() {
        FakeAnswerer answerer =
                new FakeAnswerer(
                        ask ->
                                ask.question().id().equals("q4") && ask.scale().equals(NINE)
                                        ? null
                                        : halfRight(ask));
        EvaluationReport report = report(answerer);
        assertThat(report.errors()).isEqualTo(Map.of(ONE, 0, NINE, 1));
        assertThat(report.accuracy().get(NINE)).isCloseTo(0.7, within(1e-12));
        assertThat(report.meanTokens().get(NINE)).isEqualTo(9);
        assertThat(report.confusions().get("even")).isEmpty();
        assertThat(ReportTable.of(report)).contains("without an answer").contains("9=1");
    }

    @Test
    void anAnswererThatForgetsAQuestionIsNotBelieved() {
        assertThatThrownBy(
                        () ->
                                new Evaluation(new ScenesBenchmark(), List.of(ONE))
                                        .run(
                                                MadeQuestions.of(2),
                                                (asks, outcomes) -> {},
                                                AnswerStore.inMemory()))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void questionsThatCannotBeToldApartAreRefused() {
        Question one = MadeQuestions.of(1).get(0);
        Evaluation evaluation = new Evaluation(new ScenesBenchmark(), List.of(ONE));
        FakeAnswerer answerer = new FakeAnswerer(EvaluationTest::halfRight);
        assertThatThrownBy(
                        () -> evaluation.run(List.of(one, one), answerer, AnswerStore.inMemory()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("question q0");
        assertThatThrownBy(() -> evaluation.run(List.of(), answerer, AnswerStore.inMemory()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("at least one");
    }

    @Test
    void aReportIsTheSameAfterItWasWrittenAndRead() {
        EvaluationReport report =
                report(new FakeAnswerer(EvaluationTest::halfRight))
                        .withProvenance(Map.of("model", "made up"));
        Path file = directory.resolve(EvaluationReport.FILE);
        report.write(file);
        EvaluationReport read = EvaluationReport.read(directory);
        assertThat(read.json()).isEqualTo(report.json());
        assertThat(read.accuracy()).isEqualTo(report.accuracy());
        assertThat(read.interval95()).isEqualTo(report.interval95());
        assertThat(read.oracle().meanTokens()).isEqualTo(report.oracle().meanTokens());
    }

    @Test
    void whatIsNoReportIsRefused() throws IOException {
        Path other = Files.writeString(directory.resolve("other.json"), "{\"a\":1}");
        assertThatThrownBy(() -> EvaluationReport.read(other))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("other.json: expected a report");
        Path broken =
                Files.writeString(directory.resolve("broken.json"), "{\"accuracy\":{\"x\":1}}");
        assertThatThrownBy(() -> EvaluationReport.read(broken))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("broken.json");
        assertThatThrownBy(() -> EvaluationReport.read(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("report.json: no such file");
    }

    @Test
    void tablesHaveALineForEachCategoryAndThePictureHasPixels() throws IOException {
        EvaluationReport report = report(new FakeAnswerer(EvaluationTest::halfRight));
        assertThat(ReportTable.of(report))
                .startsWith("| accuracy, % | questions | 1 | 9 |\n| --- | ---: | ---: | ---: |\n")
                .contains("| odd | 5 | 0.0 | 60.0 |\n")
                .contains("| **all** | 10 | **50.0** | **80.0** |\n")
                .contains("80.0 % with 3.40 tokens");
        Path file = directory.resolve(ReportPlot.FILE);
        ReportPlot.write(report, file);
        BufferedImage picture = ImageIO.read(file.toFile());
        assertThat(picture.getWidth()).isGreaterThan(picture.getHeight());
        int white = picture.getRGB(1, 1);
        long drawn = 0;
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                drawn += picture.getRGB(x, y) == white ? 0 : 1;
            }
        }
        assertThat(drawn).isGreaterThan(5_000);
    }

    @Test
    void aComparisonSaysTheGainAndWhetherChanceExplainsIt() {
        EvaluationReport model = report(new FakeAnswerer(EvaluationTest::halfRight));
        EvaluationReport control = report(new FakeAnswerer(ask -> "no idea"));
        ReportComparison gain = ReportComparison.of(control, model);
        assertThat(gain.all().get(NINE).model()).isEqualTo(0.8);
        assertThat(gain.all().get(NINE).control()).isZero();
        assertThat(gain.all().get(NINE).isClear()).isTrue();
        assertThat(gain.byCategory().get("odd").get(ONE).isClear()).isFalse();
        assertThat(ReportTable.of(gain))
                .contains("| all | 10 | 0.0 → 50.0 (**+50.0**) | 0.0 → 80.0 (**+80.0**) |\n")
                .contains("| odd | 5 | 0.0 → 0.0 (+0.0) |");
    }

    @Test
    void reportsOfOtherQuestionsAreNotCompared() {
        EvaluationReport ten = report(new FakeAnswerer(ask -> "no idea"));
        EvaluationReport two =
                new Evaluation(new ScenesBenchmark(), List.of(ONE))
                        .run(
                                MadeQuestions.of(2),
                                new FakeAnswerer(ask -> "no idea"),
                                AnswerStore.inMemory());
        assertThatThrownBy(() -> ReportComparison.of(ten, two))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("the same questions");
        Map<String, String> others = Map.of("questions_fingerprint", "12345678");
        assertThatThrownBy(() -> ReportComparison.of(ten, ten.withProvenance(others)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("12345678");
    }

    @Test
    void intervalsAreThoseOfTheTextbooks() {
        // Newcombe (1998), "Two-sided confidence intervals", table I, and "Interval estimation",
        // (a).
        Interval wilson = Interval.wilson(81 / 263.0, 263);
        assertThat(wilson.low()).isCloseTo(0.2553, within(5e-5));
        assertThat(wilson.high()).isCloseTo(0.3662, within(5e-5));
        Interval none = Interval.wilson(0, 20);
        assertThat(none.low()).isZero();
        assertThat(none.high()).isCloseTo(0.1611, within(5e-5));
        Interval difference =
                Interval.ofDifference(
                        56 / 70.0,
                        Interval.wilson(56 / 70.0, 70),
                        48 / 80.0,
                        Interval.wilson(48 / 80.0, 80));
        assertThat(difference.low()).isCloseTo(0.0524, within(5e-5));
        assertThat(difference.high()).isCloseTo(0.3339, within(5e-5));
    }

    @Test
    void whiteSpaceCaseAndOneFullStopMakeNoDifferenceAndNothingElseDoes() {
        assertThat(ExactMatch.normalised(" Red .\n")).isEqualTo("red");
        assertThat(ExactMatch.normalised("red..")).isEqualTo("red.");
        assertThat(ExactMatch.normalised("a red  ball")).isEqualTo("a red  ball");
        assertThat(ExactMatch.normalised(".")).isEmpty();
    }

    @Test
    void anUnknownBenchmarkIsRefusedWithThoseThereAre() {
        assertThat(Benchmark.named("scenes")).isInstanceOf(ScenesBenchmark.class);
        assertThatThrownBy(() -> Benchmark.named("pope"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("benchmark pope: expected one of scenes");
    }
}
