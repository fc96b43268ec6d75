package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.ImageProcessorConfig;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Finds out how a checkpoint wants its pictures. */
final class Preprocessing {

    private static final String FILE = "preprocessor_config.json";

    private Preprocessing() {}

    /**
     * @param config of the checkpoint
     * @param locator of its tower, beside which the file may lie
     * @param vision sizes of the tower
     * @param mode the caller's word on framing, which goes before that of config.json and of
     *     preprocessor_config.json, and before any resolution
     * @return the processor
     * @throws M3Exception if the pictures' size is not the tower's
     */
    static ImageProcessor of(
            M3Config config,
            VisionTowerLocator locator,
            ClipVisionConfig vision,
            Optional<LoadOptions.ImageMode> mode) {
        Optional<Path> directory =
                Optional.of(config.directory())
                        .filter(d -> Files.exists(d.resolve(FILE)))
                        .or(locator::directory);
        ImageProcessorConfig settings =
                directory
                        .filter(d -> Files.exists(d.resolve(FILE)))
                        .map(ImageProcessorConfig::read)
                        .orElseGet(
                                () ->
                                        ImageProcessorConfig.clip(vision.imageSize())
                                                .withFraming(Framing.SQUARE));
        if (settings.imageSize() != vision.imageSize()) {
            throw new M3Exception(
                    directory.orElse(config.directory())
                            + ", preprocessor_config.json: expected pictures of "
                            + vision.imageSize()
                            + " pixels, as the vision tower takes them, found "
                            + settings.imageSize());
        }
        Framing framing = config.pad() ? Framing.PAD : settings.framing();
        if (mode.isPresent()) {
            framing = mode.get() == LoadOptions.ImageMode.PAD ? Framing.PAD : Framing.SQUARE;
            return new ImageProcessor(settings.withFraming(framing));
        }
        try {
            return new ImageProcessor(settings.withFraming(framing), config.anyResolution());
        } catch (M3Exception e) {
            throw new M3Exception("model " + config.directory() + ": " + e.getMessage(), e);
        }
    }
}
