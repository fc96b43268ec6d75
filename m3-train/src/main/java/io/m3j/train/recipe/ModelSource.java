package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What a run starts from.
 *
 * @param directory of a checkpoint; for a random start one with config.json, tokenizer and preprocessor
 *     but no weights
 * @param seed of a random start; empty to start from the checkpoint's weights
 */
public record ModelSource(Path directory, Optional<Long> seed) {

    /** Checks that both are there. */
    public ModelSource {
        required(directory, "directory");
        required(seed, "seed");
    }
}
