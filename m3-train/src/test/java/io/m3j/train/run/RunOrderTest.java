package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.train.data.ExampleOrder;
import io.m3j.train.recipe.DataSource;
import io.m3j.train.recipe.Recipe;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RunOrderTest {

    private static final int OF_RUN = 7;
    private static final int OF_STAGE = 5;

    /** Six steps of two batches of two; the third and fourth step, and the sixth, from other examples. */
    private static final Recipe RECIPE =
            MiniRun.nested(
                    MiniRun.recipe(
                            "{'steps':6,'curriculum':["
                                    + "{'until_step':2,'scales':[1]},"
                                    + "{'until_step':4,'scales':[1],'data':[{'scenes':{'count':2}}]},"
                                    + "{'until_step':5,'scales':[9]},"
                                    + "{'until_step':6,'scales':[9],'data':[{'scenes':{'count':2}}]}]}"));

    private static TrainingData data(Recipe recipe) {
        List<DataSource> own = recipe.curriculum().get(1).data();
        return new TrainingData(
                MiniSource.of(OF_RUN), Map.of(own, MiniSource.of(OF_STAGE)), Optional.empty());
    }

    private static RunOrder order(Recipe recipe, TrainingData data) {
        return new RunOrder(recipe, data, i -> data.all().length(i));
    }

    @Test
    void eachBatchIsTheOneOfItsNumberInTheOrderOfItsData() {
        RunOrder order = order(RECIPE, data(RECIPE));
        ExampleOrder ofRun = ExampleOrder.shuffled(OF_RUN, 2, RECIPE.seed());
        ExampleOrder ofStage = ExampleOrder.shuffled(OF_STAGE, 2, RECIPE.seed());
        for (long number = 0; number < 12; number++) {
            long step = number / 2;
            boolean stage = step == 2 || step == 3 || step == 5;
            int[] expected =
                    stage
                            ? Arrays.stream(ofStage.batch(number)).map(i -> OF_RUN + i).toArray()
                            : ofRun.batch(number);
            assertThat(order.batch(number)).as("batch %d", number).isEqualTo(expected);
        }
    }

    @Test
    void aStageThatNamesTheRunsDataLearnsFromTheRuns() {
        TrainingData data =
                new TrainingData(
                        MiniSource.of(OF_RUN),
                        Map.of(
                                RECIPE.data(), MiniSource.of(OF_STAGE),
                                RECIPE.curriculum().get(1).data(), MiniSource.of(OF_STAGE)),
                        Optional.empty());
        assertThat(order(RECIPE, data).batch(0))
                .isEqualTo(ExampleOrder.shuffled(OF_RUN, 2, RECIPE.seed()).batch(0));
    }

    @Test
    void lengthsAreThoseOfTheExamplesThatTheyBelongTo() {
        ObjectNode json = RECIPE.json().deepCopy();
        json.withObject("/batch").put("group_by_length", true);
        Recipe recipe = MiniRun.nested(json);
        RunOrder order = order(recipe, data(recipe));
        ExampleOrder ofStage = ExampleOrder.grouped(MiniSource.of(OF_STAGE), 2, recipe.seed());
        int[] expected = Arrays.stream(ofStage.batch(4)).map(i -> OF_RUN + i).toArray();
        assertThat(order.batch(4)).isEqualTo(expected);
    }

    @Test
    void anEpochIsOneOfTheRunsOwnData() {
        ObjectNode json = RECIPE.json().deepCopy();
        json.remove("steps");
        Recipe recipe = MiniRun.nested(json.put("epochs", 3));
        assertThat(order(recipe, data(recipe)).total()).isEqualTo(6); // 3 × 4 batches, 2 a step
    }

    @Test
    void aStageWithoutItsExamplesIsRefused() {
        TrainingData data = new TrainingData(MiniSource.of(OF_RUN), Optional.empty());
        assertThatThrownBy(() -> order(RECIPE, data))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("curriculum: no examples were given for [Scenes[seed=0");
    }

    @Test
    void allExamplesAreThoseOfTheRunAndBehindThemThoseOfStages() {
        TrainingData data = data(RECIPE);
        assertThat(data.all().size()).isEqualTo(OF_RUN + OF_STAGE);
        assertThat(data.all().get(OF_RUN + 3).id()).isEqualTo("mini-3");
        assertThat(data.fingerprints().get("training").asText())
                .isEqualTo(
                        MiniSource.of(OF_RUN).fingerprint()
                                + " + "
                                + MiniSource.of(OF_STAGE).fingerprint());
    }
}
