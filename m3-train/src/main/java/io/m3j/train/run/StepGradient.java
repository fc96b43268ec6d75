package io.m3j.train.run;

import io.m3j.core.Scale;
import io.m3j.train.AdamW;
import io.m3j.train.LossOptions;
import io.m3j.train.NonFiniteLossException;
import io.m3j.train.StepResult;
import io.m3j.train.TrainableModel;
import io.m3j.train.TrainingBatch;
import io.m3j.train.TrainingStep;
import io.m3j.train.data.BatchLoader;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.Preparation.Prepared;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/** Gathers the gradient of one step out of its batches, and clips it. Leaves the weights alone. */
final class StepGradient {

    private final Recipe recipe;
    private final TrainableModel model;
    private final AdamW optimizer;
    private final List<Scale> scales;
    private final long total;
    private final Faults faults;

    /**
     * @param recipe of the run
     * @param model that learns
     * @param optimizer of the model
     * @param scales that take part
     * @param total steps of the run
     * @param faults counts what cannot be used
     */
    StepGradient(
            Recipe recipe,
            TrainableModel model,
            AdamW optimizer,
            List<Scale> scales,
            long total,
            Faults faults) {
        this.recipe = recipe;
        this.model = model;
        this.optimizer = optimizer;
        this.scales = scales;
        this.total = total;
        this.faults = faults;
    }

    /**
     * @param feed the batches, as many as make a step
     * @param step steps that have been taken
     * @param tally takes what the batches said
     * @return the norm of the gradient before clipping; empty if there is none to step along
     */
    OptionalDouble gather(BatchLoader<Prepared> feed, long step, StepTally tally) {
        Optional<String> failure = accumulate(feed, step, tally);
        if (failure.isEmpty() && tally.isEmpty()) {
            faults.emptyStep();
            return OptionalDouble.empty();
        }
        if (failure.isEmpty()) {
            double norm = optimizer.clip(recipe.clipNorm());
            if (Double.isFinite(norm)) {
                return OptionalDouble.of(norm);
            }
            failure = Optional.of("gradient norm: expected a number, found " + norm);
        }
        faults.nonFinite(
                "step "
                        + (step + 1)
                        + ": "
                        + failure.get()
                        + "; the weights stay those before this step");
        return OptionalDouble.empty();
    }

    /** Returns what is wrong with a loss, if something is: then what gathered is of no use. */
    private Optional<String> accumulate(BatchLoader<Prepared> feed, long step, StepTally tally) {
        int accumulation = recipe.batching().accumulation();
        double share = 1.0 / accumulation;
        List<Scale> now = recipe.scalesAt(step, total, scales);
        LossOptions loss = recipe.loss().options(model.ladder(), now);
        TrainingStep computes = new TrainingStep(model, recipe.stepAt(step, total));
        model.zeroGradients();
        Optional<String> failure = Optional.empty();
        int taken = 0;
        for (int i = 0; i < accumulation; i++) {
            BatchLoader.Batch<Prepared> next = feed.next();
            faults.examples(next.skipped());
            if (failure.isPresent() || next.examples().isEmpty()) {
                continue; // the order of batches goes on all the same
            }
            TrainingBatch batch = Preparation.batch(next.examples());
            long seed = new SplittableRandom(recipe.seed() + next.step()).nextLong();
            try {
                StepResult result = computes.accumulate(batch, loss, share, seed);
                tally.add(result, share, batch.examples().size(), 1);
                taken++;
            } catch (NonFiniteLossException e) {
                failure = Optional.of(e.getMessage());
            }
        }
        if (failure.isEmpty() && taken > 0 && taken < accumulation) {
            optimizer.scale((double) accumulation / taken); // the mean of those that took part
        }
        return failure;
    }
}
