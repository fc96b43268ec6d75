package io.m3j.train.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Where a run stands. Everything random is drawn from seed and step, and the data's position follows from
 * the step, so that a few numbers are all there is beside weights and moments.
 *
 * @param step steps taken, skipped ones included
 * @param updates steps in which the weights changed
 * @param examples that were learnt from
 * @param tokens positions that the decoder read
 * @param skippedExamples that could not be used
 * @param skippedSteps whose loss was no number
 * @param seconds of work, over all sessions
 * @param metricsBytes length of the metrics' file
 * @param best lowest value of the metric that early stopping watches; infinite before the first
 * @param bestStep when it was reached; −1 before the first
 * @param waited evaluations since then
 */
record RunState(
        long step,
        long updates,
        long examples,
        long tokens,
        long skippedExamples,
        long skippedSteps,
        double seconds,
        long metricsBytes,
        double best,
        long bestStep,
        int waited) {

    static final String FILE = "state.json";

    private static final ObjectMapper JSON = new ObjectMapper();

    static RunState start() {
        return new RunState(0, 0, 0, 0, 0, 0, 0, 0, Double.POSITIVE_INFINITY, -1, 0);
    }

    /** The state behind one more step. */
    RunState after(boolean updated, long moreExamples, long moreTokens, Faults faults) {
        return new RunState(
                step + 1,
                updates + (updated ? 1 : 0),
                examples + moreExamples,
                tokens + moreTokens,
                faults.skippedExamples(),
                faults.skippedSteps(),
                seconds,
                metricsBytes,
                best,
                bestStep,
                waited);
    }

    /** The state behind an evaluation. */
    RunState evaluated(double value) {
        boolean better = value < best;
        return new RunState(
                step,
                updates,
                examples,
                tokens,
                skippedExamples,
                skippedSteps,
                seconds,
                metricsBytes,
                better ? value : best,
                better ? step : bestStep,
                better ? 0 : waited + 1);
    }

    /** The state as a checkpoint has it. */
    RunState at(double totalSeconds, long bytes) {
        return new RunState(
                step,
                updates,
                examples,
                tokens,
                skippedExamples,
                skippedSteps,
                totalSeconds,
                bytes,
                best,
                bestStep,
                waited);
    }

    void write(Path directory) throws IOException {
        ObjectNode json = JSON.createObjectNode();
        json.put("step", step).put("updates", updates).put("examples", examples);
        json.put("tokens", tokens).put("skipped_examples", skippedExamples);
        json.put("skipped_steps", skippedSteps).put("seconds", seconds);
        json.put("metrics_bytes", metricsBytes).put("waited", waited);
        if (bestStep >= 0) {
            json.put("best", best).put("best_step", bestStep);
        }
        DurableFiles.replace(directory.resolve(FILE), CheckpointStore.pretty(json));
    }

    static RunState read(Path directory) {
        ConfigJson json = ConfigJson.read(directory.resolve(FILE));
        return new RunState(
                whole(json, "step"),
                whole(json, "updates"),
                whole(json, "examples"),
                whole(json, "tokens"),
                whole(json, "skipped_examples"),
                whole(json, "skipped_steps"),
                json.number("seconds", 0),
                whole(json, "metrics_bytes"),
                json.number("best", Double.POSITIVE_INFINITY),
                json.has("best_step") ? whole(json, "best_step") : -1,
                json.integer("waited"));
    }

    private static long whole(ConfigJson json, String key) {
        if (!json.raw(key).isIntegralNumber()) {
            throw new M3Exception(json.where() + ": " + key + ": expected an integer");
        }
        return json.raw(key).longValue();
    }
}
