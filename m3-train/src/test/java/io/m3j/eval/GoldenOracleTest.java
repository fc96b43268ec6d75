package io.m3j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link OracleReport} against figures computed elsewhere. */
class GoldenOracleTest {

    private static final JsonNode MATRICES = Golden.json("oracle/matrices.json");
    private static final JsonNode EXPECTED = Golden.json("oracle/expected.json").get("datasets");
    private static final double TOLERANCE = 1e-9;

    static Stream<String> datasets() {
        Iterable<String> names = () -> MATRICES.get("datasets").fieldNames();
        return StreamSupport.stream(names.spliterator(), false);
    }

    @ParameterizedTest
    @MethodSource("datasets")
    void everyFigureIsTheGoldenOne(String dataset) {
        List<Integer> scales = new ArrayList<>();
        MATRICES.get("scales").forEach(scale -> scales.add(scale.intValue()));
        List<double[]> scores = new ArrayList<>();
        for (JsonNode row : MATRICES.get("datasets").get(dataset)) {
            double[] score = new double[row.size()];
            for (int i = 0; i < score.length; i++) {
                score[i] = row.get(i).intValue();
            }
            scores.add(score);
        }
        JsonNode expected = EXPECTED.get(dataset);

        OracleReport report = OracleReport.of(scales, scores);

        assertThat(report.accuracy())
                .isCloseTo(expected.get("oracle_accuracy").doubleValue(), within(TOLERANCE));
        assertThat(report.meanTokens())
                .isCloseTo(expected.get("average_tokens").doubleValue(), within(TOLERANCE));
        assertThat(report.wrongAtAllScales())
                .isEqualTo(expected.get("n_wrong_at_all_scales").intValue());
        assertThat(report.questionsByTokens()).hasSize(expected.get("tokens_histogram").size());
        report.questionsByTokens()
                .forEach(
                        (tokens, count) ->
                                assertThat(count)
                                        .as("questions at %s", tokens)
                                        .isEqualTo(
                                                expected.at("/tokens_histogram/" + tokens)
                                                        .intValue()));
        assertThat(report.choices()).hasSize(expected.get("per_sample_tokens").size());
        for (int i = 0; i < report.choices().size(); i++) {
            OracleReport.Choice choice = report.choices().get(i);
            assertThat(choice.tokens())
                    .as("tokens of question %s", i)
                    .isEqualTo(expected.get("per_sample_tokens").get(i).intValue());
            assertThat(choice.score() > 0)
                    .isEqualTo(expected.get("per_sample_correct").get(i).booleanValue());
        }
    }

    @Test
    void ofScoresInBetweenTheFewestTokensOfTheBestAreChosen() {
        List<double[]> scores = List.of(new double[] {0.3, 0.6, 0.6}, new double[] {0, 0, 0});
        OracleReport report = OracleReport.of(List.of(9, 36, 144), scores);
        assertThat(report.choices())
                .containsExactly(new OracleReport.Choice(36, 0.6), new OracleReport.Choice(1, 0));
        assertThat(report.questionsByTokens())
                .containsEntry(1, 1)
                .containsEntry(9, 0)
                .containsEntry(36, 1);
    }

    @Test
    void aRowOfAnotherLengthIsRefused() {
        List<double[]> scores = List.of(new double[] {1});
        assertThatThrownBy(() -> OracleReport.of(List.of(1, 9), scores))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("2 scales, but 1 scores of question 0");
    }
}
