package io.m3j.train.run;

import static io.m3j.core.Arguments.required;

import io.m3j.train.data.ExampleSource;
import java.util.Optional;

/**
 * The examples of a run.
 *
 * @param examples that are learnt
 * @param validation examples whose loss is measured; empty if the recipe plans no evaluation
 */
public record TrainingData(ExampleSource examples, Optional<ExampleSource> validation) {

    /** Checks that both are there. */
    public TrainingData {
        required(examples, "examples");
        required(validation, "validation");
    }
}
