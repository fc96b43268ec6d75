package io.m3j.train.run;

import io.m3j.train.LossOptions;
import io.m3j.train.TrainingBatch;
import io.m3j.train.TrainingStep;
import io.m3j.train.data.BatchLoader;
import io.m3j.train.recipe.EvaluationPlan.EarlyStopping;
import io.m3j.train.run.Preparation.Prepared;
import java.util.stream.IntStream;

/** The loss of examples that are not trained on, always the same ones at all scales. */
final class Evaluation {

    private final TrainingStep step;
    private final Preparation preparation;
    private final LossOptions loss;
    private final int examples;
    private final int batch;
    private final int loaders;

    /**
     * @param step computes
     * @param preparation of the examples
     * @param loss at all scales
     * @param examples how many
     * @param batch how many together
     * @param loaders threads that prepare
     */
    Evaluation(
            TrainingStep step,
            Preparation preparation,
            LossOptions loss,
            int examples,
            int batch,
            int loaders) {
        this.step = step;
        this.preparation = preparation;
        this.loss = loss;
        this.examples = examples;
        this.batch = batch;
        this.loaders = loaders;
    }

    StepTally run(Faults faults) {
        StepTally tally = new StepTally();
        long batches = (examples + (long) batch - 1) / batch;
        try (BatchLoader<Prepared> loader =
                Preparation.loader(preparation, this::indices, 0, batches, loaders)) {
            while (loader.hasNext()) {
                BatchLoader.Batch<Prepared> next = loader.next();
                faults.validation(next.skipped());
                if (!next.examples().isEmpty()) {
                    TrainingBatch one = Preparation.batch(next.examples());
                    tally.add(step.evaluate(one, loss), 1, one.examples().size(), one.labelled());
                }
            }
        }
        return tally;
    }

    private int[] indices(long number) {
        int start = Math.toIntExact(number * batch);
        return IntStream.range(start, Math.min(examples, start + batch)).toArray();
    }

    /**
     * @param tally of an evaluation
     * @param stopping says what is watched
     * @return its value
     */
    static double metric(StepTally tally, EarlyStopping stopping) {
        return stopping.scale().map(tally.lossByScale()::get).orElseGet(tally::loss);
    }
}
