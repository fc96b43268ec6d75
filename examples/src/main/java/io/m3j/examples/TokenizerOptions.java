package io.m3j.examples;

import io.m3j.llm.M3Tokenizer;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Which tokenizer, for commands that need nothing else of a model. */
final class TokenizerOptions {

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description =
                    "Directory with tokenizer.model or tokenizer.json. Default: the model that comes"
                            + " with m3.")
    private Path model;

    M3Tokenizer open() {
        return M3Tokenizer.load(model == null ? Home.model() : model);
    }
}
