package io.m3j.eval;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * What the model would reach if somebody knew the best scale of each question (arXiv 2405.17430,
 * section 4): the fewest tokens that answer correctly; a question that is wrong at every scale counts
 * as one token. Where scores lie between 0 and 1, the fewest tokens that reach the question's best.
 *
 * @param accuracy mean of each question's best score
 * @param meanTokens mean of the tokens chosen
 * @param questionsByTokens how many questions each number of tokens was chosen for
 * @param wrongAtAllScales how many questions no scale answers
 * @param choices for each question in order
 */
public record OracleReport(
        double accuracy,
        double meanTokens,
        Map<Integer, Integer> questionsByTokens,
        int wrongAtAllScales,
        @JsonIgnore List<Choice> choices) {

    /**
     * The choice for one question.
     *
     * @param tokens the scale chosen
     * @param score there
     */
    public record Choice(int tokens, double score) {}

    /** One token for what no scale answers, whatever scales there are. */
    private static final Choice WRONG = new Choice(1, 0);

    /** Copies the list, of which a file has none. */
    public OracleReport {
        choices = choices == null ? List.of() : List.copyOf(choices);
    }

    /**
     * @param tokens of the scales, in ascending order
     * @param scores for each question its score at each of them
     * @return the report; of no question, all zero
     * @throws M3Exception if a question has another number of scores
     */
    public static OracleReport of(List<Integer> tokens, List<double[]> scores) {
        List<Choice> choices = new ArrayList<>();
        Map<Integer, Integer> questions = new TreeMap<>();
        tokens.forEach(scale -> questions.put(scale, 0));
        for (double[] row : scores) {
            if (row.length != tokens.size()) {
                throw new M3Exception(
                        "oracle: "
                                + tokens.size()
                                + " scales, but "
                                + row.length
                                + " scores of question "
                                + choices.size());
            }
            Choice choice = choice(tokens, row);
            choices.add(choice);
            questions.merge(choice.tokens, 1, Integer::sum);
        }
        return new OracleReport(
                choices.stream().mapToDouble(Choice::score).average().orElse(0),
                choices.stream().mapToInt(Choice::tokens).average().orElse(0),
                questions,
                (int) choices.stream().filter(choice -> choice.score == 0).count(),
                choices);
    }

    private static Choice choice(List<Integer> tokens, double[] row) {
        return IntStream.range(0, row.length)
                .filter(i -> row[i] > 0)
                .mapToObj(i -> new Choice(tokens.get(i), row[i]))
                .reduce(WRONG, (best, next) -> next.score > best.score ? next : best);
    }
}
