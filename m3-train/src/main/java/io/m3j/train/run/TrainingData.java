package io.m3j.train.run;

import static io.m3j.core.Arguments.required;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.DataSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The examples of a run.
 *
 * @param examples that are learnt
 * @param ofStages those that are learnt in stages of the curriculum that have data of their own, by what
 *     the recipe says of that data, in an order that is the same when the run goes on; empty if none has
 * @param validation examples whose loss is measured; empty if the recipe plans no evaluation
 */
public record TrainingData(
        ExampleSource examples,
        Map<List<DataSource>, ExampleSource> ofStages,
        Optional<ExampleSource> validation) {

    /** Checks that all are there. */
    public TrainingData {
        required(examples, "examples");
        ofStages = Collections.unmodifiableMap(new LinkedHashMap<>(required(ofStages, "ofStages")));
        required(validation, "validation");
    }

    /**
     * The examples of a run that learns from the same all the time.
     *
     * @param examples that are learnt
     * @param validation examples whose loss is measured; empty if the recipe plans no evaluation
     */
    public TrainingData(ExampleSource examples, Optional<ExampleSource> validation) {
        this(examples, Map.of(), validation);
    }

    /** All that is learnt at some time: those of the run, and behind them those of stages. */
    ExampleSource all() {
        List<ExampleSource> sources = new ArrayList<>(List.of(examples));
        sources.addAll(ofStages.values());
        return JoinedExamples.of(sources);
    }

    /** What the run is to go on with, for its record. */
    ObjectNode fingerprints() {
        ObjectNode json = new ObjectMapper().createObjectNode();
        json.put("training", all().fingerprint());
        validation.ifPresent(source -> json.put("validation", source.fingerprint()));
        return json;
    }
}
