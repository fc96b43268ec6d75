package io.m3j.train.run;

import io.m3j.core.Scale;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * How a run, or this session of it, ended.
 *
 * @param end why it ended
 * @param steps that were taken in all
 * @param total steps that the recipe asks for
 * @param model the trained checkpoint; empty if the run was interrupted
 * @param loss of the last step of this session; NaN if it took none
 * @param lossByScale of that step
 * @param examples that were learnt from
 * @param skippedExamples that could not be used
 * @param skippedSteps whose loss was no number
 * @param seconds of work, over all sessions
 */
public record RunReport(
        End end,
        long steps,
        long total,
        Optional<Path> model,
        double loss,
        Map<Scale, Double> lossByScale,
        long examples,
        long skippedExamples,
        long skippedSteps,
        double seconds) {

    /** Why a run ended. */
    public enum End {
        /** All steps were taken. */
        FINISHED,
        /** The metric that early stopping watches was no longer getting better. */
        STOPPED_EARLY,
        /** It was asked to stop, and can go on. */
        INTERRUPTED
    }
}
