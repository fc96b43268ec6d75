package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.train.Part;
import java.util.List;
import java.util.Map;

/**
 * One stage of a curriculum that begins with coarse scales.
 *
 * @param untilStep the stage ends before this step; 0 if a fraction says it
 * @param untilFraction of the run's steps; 0 if a step says it
 * @param towerWindow patches along a side of the windows that the tower's attention stays in; 0 for the
 *     whole grid
 * @param scales that are trained; none if the decoder rests while the visual tokens learn to say what
 *     lies under their patches
 * @param rates highest learning rate of each part in this stage; empty for the run's
 * @param data what is learnt in this stage, one source behind the other; empty for the run's
 */
public record CurriculumStage(
        long untilStep,
        double untilFraction,
        List<Scale> scales,
        int towerWindow,
        Map<Part, Double> rates,
        List<DataSource> data) {

    /** Checks that one end is given, and the rates of all parts or of none. */
    public CurriculumStage {
        scales = required(scales, "scales").stream().distinct().sorted().toList();
        Range.atLeast(0, "tower_window", towerWindow);
        data = List.copyOf(required(data, "data"));
        rates = required(rates, "rates").isEmpty() ? Map.of() : Recipe.checkedRates(rates);
        if ((untilStep == 0) == (untilFraction == 0)) {
            throw new M3Exception(
                    "until_step: expected until_step or until_fraction, found "
                            + (untilStep == 0 ? "neither" : "both"));
        }
        Range.atLeast(0, "until_step", untilStep);
        if (!(untilFraction >= 0 && untilFraction <= 1)) {
            throw new M3Exception("until_fraction: expected above 0 to 1, found " + untilFraction);
        }
    }

    /**
     * @param total steps of the run
     * @return the first step behind this stage
     */
    public long end(long total) {
        return untilStep > 0 ? untilStep : Math.round(untilFraction * total);
    }
}
