package io.m3j.examples;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Precision;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.LoadOptions.ImageMode;
import io.m3j.llm.M3Model;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How a model is loaded. */
final class ModelOptions {

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            description =
                    "What to compute in: float32, bfloat16, int8 or int4 (8- or 4-bit weights, the"
                            + " rest in bfloat16). Default: chosen by checkpoint and processor, as m3"
                            + " info says; float32 in encode, logits and generate-ids.")
    private String precision;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "auto",
            description =
                    "Where to compute: cpu, cuda (the first GPU) or cuda:1 (the second, and so on)."
                            + " Default: ${DEFAULT-VALUE}, a GPU if libtorch can use one, else the"
                            + " CPU.")
    private String device;

    @Option(
            names = "--vision-tower",
            paramLabel = "DIR",
            description =
                    "Vision tower, for a checkpoint that only names it. Default: where the"
                            + " checkpoint says.")
    private Path visionTower;

    @Option(
            names = "--image-mode",
            paramLabel = "MODE",
            description =
                    "How a picture becomes a square: pad (a border) or crop (the middle). Default:"
                            + " as the checkpoint says.")
    private String imageMode;

    /** The options that need no tokenizer. */
    LoadOptions.Builder loadOptions() {
        Device chosen = Refusals.naming("--device", "device", () -> Devices.of(device));
        LoadOptions.Builder options = LoadOptions.builder().device(chosen);
        precision().ifPresent(options::precision);
        if (visionTower != null) {
            options.visionTower(visionTower);
        }
        if (imageMode != null) {
            options.imageMode(imageMode());
        }
        return options;
    }

    /** The one that was asked for. */
    Optional<Precision> precision() {
        return Optional.ofNullable(precision).map(ModelOptions::named);
    }

    static Precision named(String label) {
        return Refusals.naming("--precision", "precision", () -> Precision.of(label));
    }

    private ImageMode imageMode() {
        return switch (imageMode) {
            case "pad" -> ImageMode.PAD;
            case "crop" -> ImageMode.CROP;
            default ->
                    throw new M3Exception("--image-mode " + imageMode + ": expected pad or crop");
        };
    }

    /** Loads a model; a bar on standard error shows how far it is. */
    static M3Model load(Path directory, LoadOptions.Builder options, Terminal terminal) {
        try (Progress progress = new Progress(terminal, "loading")) {
            return M3Model.load(directory, options.progress(progress::show).build());
        }
    }
}
