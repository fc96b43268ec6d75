package io.m3j.examples;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.NestedTokens;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What the encoder makes of a picture, step by step. */
@Command(
        name = "encode",
        description = {
            "Write what the encoder makes of a picture.",
            "Float32 tensors, for T tiles, S pixels along a side, N patches and a decoder of width"
                    + " D: pixels [T, 3, S, S]; features [T, N, width of the tower]; tokens.1 …"
                    + " tokens.576 [T, tokens, D]. Needs no tokenizer."
        })
final class EncodeCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private CheckpointOptions checkpoint;
    @Mixin private ImageOptions imageOptions;
    @Mixin private OutputFile output;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            required = true,
            description = "Picture: PNG, JPEG, GIF, BMP or WebP.")
    private Path image;

    EncodeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        output.check();
        M3Image picture = imageOptions.read(image);
        try (M3Model loaded = checkpoint.load(terminal);
                NDManager scope = loaded.newManager()) {
            NDArray pixels = loaded.encoder().pixels(scope, picture);
            NDArray features = loaded.encoder().features(scope, pixels);
            NDArray grid = loaded.encoder().project(scope, features);
            add("pixels", pixels);
            add("features", features);
            try (NestedTokens tokens = loaded.encoder().nest(grid)) {
                for (Scale scale : tokens.ladder().scales()) {
                    add("tokens." + scale, tokens.at(scale));
                }
                output.write();
            }
        }
        return 0;
    }

    private void add(String name, NDArray array) {
        Shape shape = array.getShape();
        output.add(name, shape, array::duplicate); // what is written is closed
    }
}
