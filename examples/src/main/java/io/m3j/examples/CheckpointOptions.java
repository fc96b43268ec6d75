package io.m3j.examples;

import io.m3j.llm.M3Model;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A checkpoint that must be named, and how it is loaded. */
final class CheckpointOptions {

    @Mixin private ModelOptions modelOptions;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "Checkpoint: a directory with config.json and the weights.")
    private Path model;

    M3Model load(Terminal terminal) {
        return ModelOptions.load(model, modelOptions.loadOptions(), terminal);
    }
}
