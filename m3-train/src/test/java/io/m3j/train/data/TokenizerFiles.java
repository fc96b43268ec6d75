package io.m3j.train.data;

import io.m3j.core.golden.Golden;
import io.m3j.llm.M3Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Golden tokenizers, in the two ways that their configuration may name. */
final class TokenizerFiles {

    private TokenizerFiles() {}

    static M3Tokenizer own(Path directory, boolean legacy) throws IOException {
        return load(Golden.file("text/own_tokenizer/tokenizer.model"), directory, legacy);
    }

    static M3Tokenizer load(Path model, Path directory, boolean legacy) throws IOException {
        Path files = Files.createTempDirectory(directory, "tokenizer");
        Files.copy(model, files.resolve("tokenizer.model"));
        Files.writeString(files.resolve("tokenizer_config.json"), "{\"legacy\": " + legacy + "}");
        return M3Tokenizer.load(files);
    }
}
