package io.m3j.train.run;

import io.m3j.core.M3Exception;
import io.m3j.train.data.ExampleOrder;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.CurriculumStage;
import io.m3j.train.recipe.DataSource;
import io.m3j.train.recipe.Recipe;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * Which examples make each batch of a run: a function of the batch's number alone. Indices are those of
 * {@link TrainingData#all}. Stages with the same data go on in one order, in which every batch has a place
 * of its own whether its stage takes from it or not.
 */
final class RunOrder {

    /**
     * Examples that are taken together.
     *
     * @param first index of their first among all
     * @param order of them, from 0
     */
    private record Share(int first, ExampleOrder order) {}

    private final Recipe recipe;
    private final Map<List<DataSource>, Share> shares = new HashMap<>();
    private final long total;

    /**
     * @param recipe of the run
     * @param data of the run
     * @param lengths of all its examples, negative for one without a picture
     * @throws M3Exception if there is no data for a stage
     */
    RunOrder(Recipe recipe, TrainingData data, IntUnaryOperator lengths) {
        this.recipe = recipe;
        ExampleOrder ofRun = add(recipe.data(), 0, data.examples(), lengths);
        int first = data.examples().size();
        for (Map.Entry<List<DataSource>, ExampleSource> own : data.ofStages().entrySet()) {
            add(own.getKey(), first, own.getValue(), lengths);
            first += own.getValue().size();
        }
        for (CurriculumStage stage : recipe.curriculum()) {
            if (!stage.data().isEmpty() && !shares.containsKey(stage.data())) {
                throw new M3Exception("curriculum: no examples were given for " + stage.data());
            }
        }
        total =
                recipe.length()
                        .steps((double) ofRun.batchesPerEpoch() / recipe.batching().accumulation());
    }

    private ExampleOrder add(
            List<DataSource> key, int first, ExampleSource source, IntUnaryOperator lengths) {
        int size = recipe.batching().size();
        ExampleOrder order =
                recipe.batching().groupByLength()
                        ? ExampleOrder.grouped(
                                source.size(),
                                i -> lengths.applyAsInt(first + i),
                                size,
                                recipe.seed())
                        : ExampleOrder.shuffled(source.size(), size, recipe.seed());
        shares.putIfAbsent(
                key, new Share(first, order)); // the run's own, where a stage names it again
        return order;
    }

    /** Steps of the run; an epoch is one of the run's own data. */
    long total() {
        return total;
    }

    /**
     * @param number of a batch, from 0; several make a step if gradients accumulate
     * @return indices of its examples
     */
    int[] batch(long number) {
        long step = number / recipe.batching().accumulation();
        Share share = shares.get(recipe.dataAt(step, total));
        int[] batch = share.order().batch(number);
        for (int i = 0; i < batch.length; i++) {
            batch[i] += share.first();
        }
        return batch;
    }
}
