package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.train.data.BadExample;
import io.m3j.train.data.OnFault;
import io.m3j.train.recipe.FaultPlan;
import java.util.List;

/** Counts what cannot be used, and ends the run where the recipe says so. */
final class Faults {

    private final FaultPlan plan;
    private final TrainingListener listener;
    private long examples;
    private long steps;

    Faults(FaultPlan plan, TrainingListener listener, RunState state) {
        this.plan = plan;
        this.listener = listener;
        this.examples = state.skippedExamples();
        this.steps = state.skippedSteps();
    }

    /** Takes note of examples that cannot be used for training. */
    void examples(List<BadExample> faults) {
        for (BadExample fault : faults) {
            stopOrSay(plan.badExample(), fault.getMessage(), "bad_example");
            requireFew(++examples, "examples");
        }
    }

    /** Those of an evaluation are the same ones each time, and are not counted. */
    void validation(List<BadExample> faults) {
        for (BadExample fault : faults) {
            stopOrSay(plan.badExample(), "validation: " + fault.getMessage(), "bad_example");
        }
    }

    /** Takes note of a step whose loss or gradient is no number. */
    void nonFinite(String fault) {
        stopOrSay(plan.nonFinite(), fault, "non_finite_loss");
        requireFew(++steps, "steps");
    }

    /** Takes note of a step none of whose examples could be used. */
    void emptyStep() {
        requireFew(++steps, "steps");
    }

    private void stopOrSay(OnFault action, String fault, String key) {
        if (action == OnFault.STOP) {
            throw new M3Exception(
                    fault
                            + ". To go on without, set faults."
                            + key
                            + " to skip and resume the run");
        }
        listener.said("skipped: " + fault);
    }

    private void requireFew(long count, String what) {
        if (count > plan.limit()) {
            throw new M3Exception(
                    "faults.limit: expected at most "
                            + plan.limit()
                            + " skipped "
                            + what
                            + ", found "
                            + count
                            + "; look at what was skipped, then raise the limit and resume the run");
        }
    }

    long skippedExamples() {
        return examples;
    }

    long skippedSteps() {
        return steps;
    }
}
