package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Precision;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.QuantisedCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a checkpoint with weights of 8 or 4 bits. */
@Command(
        name = "quantize",
        description = {
            "Write a checkpoint whose linear layers hold 8- or 4-bit weights, the rest bfloat16.",
            "It is smaller, opens faster, and computes the same numbers as the original does with that"
                    + " --precision. A vision tower beside the checkpoint is written inside."
        })
final class QuantizeCommand implements Callable<Integer> {

    private static final double MEBIBYTE = 1 << 20;

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            required = true,
            description = "Checkpoint: a directory with config.json and the weights.")
    private Path model;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            required = true,
            description = "int8 or int4 (4 bits for the decoder, 8 for tower and projector).")
    private String precision;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory to make; one that is there must be empty.")
    private Path out;

    @Option(
            names = "--vision-tower",
            paramLabel = "DIR",
            description =
                    "Vision tower, for a checkpoint that only names it. Default: where the"
                            + " checkpoint says.")
    private Path visionTower;

    @Option(
            names = "--json",
            description = "Print one object; bytes are those of the weights' files.")
    private boolean json;

    QuantizeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Precision chosen = ModelOptions.named(precision);
        LoadOptions.Builder options = LoadOptions.builder();
        if (visionTower != null) {
            options.visionTower(visionTower);
        }
        try (Progress progress = new Progress(terminal, "quantizing")) {
            LoadOptions shown = options.progress(progress::show).build();
            Refusals.naming(
                    "--precision",
                    "precision",
                    () -> {
                        QuantisedCheckpoint.write(model, chosen, out, shown);
                        return out;
                    });
        }
        print(chosen);
        return 0;
    }

    private void print(Precision chosen) {
        long bytes = weightBytes();
        if (json) {
            ObjectNode object = Json.object();
            object.put("model", model.toString()).put("out", out.toString());
            object.put("precision", chosen.label()).put("bytes", bytes);
            terminal.out().println(Json.line(object));
        } else {
            String size = String.format(Locale.ROOT, "%,.1f MiB", bytes / MEBIBYTE);
            terminal.err().println("m3: wrote " + Printable.line(out + ", " + size));
        }
    }

    private long weightBytes() {
        try (Stream<Path> files = Files.list(out)) {
            List<Path> weights =
                    files.filter(file -> file.toString().endsWith(".safetensors")).toList();
            long bytes = 0;
            for (Path file : weights) {
                bytes += Files.size(file);
            }
            return bytes;
        } catch (IOException e) {
            throw new M3Exception("--out " + out + ": cannot be read again: " + e, e);
        }
    }
}
