package io.m3j.train.run;

import io.m3j.train.recipe.CheckpointPlan;
import java.io.IOException;

/** Writes where a run stands: a checkpoint when one is due, and the curves of its metrics beside it. */
final class StateKeeper {

    private static final double NANOSECONDS_PER_MINUTE = 60e9;

    private final CheckpointPlan plan;
    private final RunDirectory directory;
    private final CheckpointStore checkpoints;
    private final RunTensors tensors;
    private final TrainingListener listener;
    private long stepStored;
    private long nanosStored = System.nanoTime();

    /**
     * @param plan says when
     * @param directory of the run
     * @param checkpoints of the run
     * @param tensors of the model and its optimizer
     * @param listener is told what went wrong without ending the run
     * @param stepStored step of the newest checkpoint; −1 if there is none
     */
    StateKeeper(
            CheckpointPlan plan,
            RunDirectory directory,
            CheckpointStore checkpoints,
            RunTensors tensors,
            TrainingListener listener,
            long stepStored) {
        this.plan = plan;
        this.directory = directory;
        this.checkpoints = checkpoints;
        this.tensors = tensors;
        this.listener = listener;
        this.stepStored = stepStored;
    }

    /** Whether a checkpoint behind this step is due. */
    boolean isDue(long step) {
        double minutes = (System.nanoTime() - nanosStored) / NANOSECONDS_PER_MINUTE;
        return plan.everySteps() > 0 && step % plan.everySteps() == 0
                || plan.everyMinutes() > 0 && minutes >= plan.everyMinutes();
    }

    /** Whether the newest checkpoint is that of this step. */
    boolean has(long step) {
        return stepStored == step;
    }

    /** Writes a checkpoint, and removes those that are no longer to be kept. */
    void store(RunState state) {
        checkpoints.write(
                state.step(),
                files -> {
                    tensors.write(files);
                    state.write(files);
                });
        checkpoints.keep(plan.keep(), state.bestStep());
        stepStored = state.step();
        nanosStored = System.nanoTime();
    }

    /** Reads the weights of the best checkpoint. */
    void readBest(RunState state) {
        tensors.readWeights(checkpoints.require(state.bestStep()).directory());
    }

    /** A picture that cannot be drawn does not end a run. */
    void drawCurves() {
        try {
            Curves.draw(directory.metrics(), directory.curves());
        } catch (IOException | RuntimeException | LinkageError e) {
            listener.said(directory.curves() + ": cannot be drawn: " + e);
        }
    }
}
