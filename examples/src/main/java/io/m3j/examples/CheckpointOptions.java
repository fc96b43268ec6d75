package io.m3j.examples;

import io.m3j.core.torch.Precision;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * A checkpoint that must be named, and how it is loaded: in float32 unless another precision is asked
 * for, since what is looked at is compared with other implementations.
 */
final class CheckpointOptions {

    @Mixin private ModelOptions modelOptions;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "Checkpoint: a directory with config.json and the weights.")
    private Path model;

    M3Model load(Terminal terminal) {
        LoadOptions.Builder options = modelOptions.loadOptions();
        if (modelOptions.precision().isEmpty()) {
            options.precision(Precision.FLOAT32);
        }
        return ModelOptions.load(model, options, terminal);
    }
}
