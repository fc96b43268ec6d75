package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.llm.PromptTemplate;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a run starts from.
 *
 * @param directory of a checkpoint; for a random start one with config.json, tokenizer and preprocessor
 *     but no weights
 * @param seed of a random start; empty to start from the checkpoint's weights
 * @param visionTower directory of the tower, for a checkpoint that only names it; empty to look where it says
 * @param template name of the prompt template; empty for the one that the checkpoint was most likely
 *     trained on
 */
public record ModelSource(
        Path directory,
        Optional<Long> seed,
        Optional<Path> visionTower,
        Optional<String> template) {

    /** Checks that all are there, and the template known. */
    public ModelSource {
        required(directory, "directory");
        required(seed, "seed");
        required(visionTower, "visionTower");
        required(template, "template").ifPresent(PromptTemplate::named);
    }
}
