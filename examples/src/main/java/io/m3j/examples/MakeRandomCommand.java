package io.m3j.examples;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Makes what comes with m3; for its developers. */
@Command(
        name = "make-random",
        hidden = true,
        description =
                "Write a small checkpoint of random weights, and on request the picture: what comes"
                        + " with m3 was made so.")
final class MakeRandomCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "" + MakeRandomCheckpoint.SEED,
            description = "Seed of the weights. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "tokenizer.model to copy. Default: that of the model that comes with m3.")
    private Path tokenizer;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory to write, without weights in it.")
    private Path out;

    @Option(
            names = "--picture",
            paramLabel = "FILE",
            description = "PNG to write the picture to as well.")
    private Path picture;

    MakeRandomCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Path model = tokenizer == null ? Home.model().resolve("tokenizer.model") : tokenizer;
        new MakeRandomCheckpoint(seed, model).write(out);
        if (picture != null) {
            BusStopPicture.write(picture);
        }
        terminal.err().println("m3: wrote " + out);
        return 0;
    }
}
