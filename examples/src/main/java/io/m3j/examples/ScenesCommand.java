package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.train.synthetic.SceneFiles;
import io.m3j.train.synthetic.Scenes;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes the generated benchmark as files. */
@Command(
        name = "scenes",
        description = {
            "Write pictures of the generated benchmark, with questions and answers.",
            "images/*.png, train.json (LLaVA's conversations), questions.jsonl, answers.jsonl and"
                    + " scenes.json. The same seed makes the same files."
        })
final class ScenesCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @Option(
            names = "--seed",
            paramLabel = "S",
            required = true,
            description =
                    "Seed of the scenes: 0 to 999999 to train on, 1000000 to 1999999 to tune by,"
                            + " 2000000 to 2999999 to report.")
    private long seed;

    @Option(
            names = "--count",
            paramLabel = "N",
            required = true,
            description = "How many scenes; each has 12 questions.")
    private int count;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory to make; one that is there must be empty.")
    private Path out;

    @Option(names = "--json", description = "Print one object.")
    private boolean json;

    ScenesCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        int questions;
        try (Progress progress = new Progress(terminal, "drawing")) {
            questions =
                    Refusals.naming(
                            "--count",
                            "count",
                            () -> SceneFiles.write(Scenes.of(seed), count, out, progress::show));
        }
        if (json) {
            ObjectNode object = Json.object();
            object.put("out", out.toString()).put("seed", seed);
            object.put("scenes", count).put("questions", questions);
            terminal.out().println(Json.line(object));
        } else {
            String found = count + " scenes, " + questions + " questions";
            terminal.err().println("m3: wrote " + Printable.line(out + ", " + found));
        }
        return 0;
    }
}
