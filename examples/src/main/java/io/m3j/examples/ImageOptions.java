package io.m3j.examples;

import io.m3j.llm.M3Model;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageReading;
import io.m3j.vision.ImageReading.Orientation;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** How pictures are read. */
final class ImageOptions {

    @Option(
            names = "--ignore-exif",
            description =
                    "Take pictures and videos as they are stored, not as their camera was held.")
    private boolean ignoreExif;

    ImageReading reading() {
        Orientation orientation = ignoreExif ? Orientation.IGNORE : Orientation.HONOUR;
        return ImageReading.defaults().withOrientation(orientation);
    }

    M3Image read(Path file) {
        return M3Image.of(file, reading());
    }

    /** Reads all pictures, before the long work begins. */
    List<M3Image> read(List<Path> files) {
        return files.stream().map(this::read).toList();
    }

    /** Encodes pictures; they end with the model. */
    static List<EncodedImage> encode(M3Model model, List<M3Image> pictures, Terminal terminal) {
        List<EncodedImage> encoded = new ArrayList<>();
        try (Progress progress = new Progress(terminal, "encoding")) {
            for (M3Image picture : pictures) {
                progress.show(encoded.size(), pictures.size());
                encoded.add(model.encode(picture));
            }
        }
        return encoded;
    }
}
