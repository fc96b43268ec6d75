package io.m3j.vision;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * {@code preprocessor_config.json} as the {@code CLIPImageProcessor} and the {@code
 * LlavaImageProcessor} of transformers read it, with their defaults for what the file leaves out.
 */
final class PreprocessorFile {

    static final String NAME = "preprocessor_config.json";

    private static final int DEFAULT_SIZE = 224;

    private final ConfigJson json;

    private PreprocessorFile(ConfigJson json) {
        this.json = json;
    }

    static ImageProcessorConfig read(Path file) {
        if (Files.notExists(file)) {
            return ImageProcessorConfig.clip().withFraming(Framing.SQUARE);
        }
        ConfigJson json = ConfigJson.read(file);
        return json.checked(new PreprocessorFile(json)::config);
    }

    private ImageProcessorConfig config() {
        requireKind();
        require("do_resize");
        require("do_center_crop");
        ImageProcessorConfig clip = ImageProcessorConfig.clip();
        return new ImageProcessorConfig(
                framing(),
                side("size"),
                side("crop_size"),
                filter(),
                json.flag("do_rescale", true)
                        ? json.number("rescale_factor", clip.rescaleFactor())
                        : 1,
                json.flag("do_normalize", true),
                json.numbers("image_mean", clip.mean()),
                json.numbers("image_std", clip.std()));
    }

    /** Other families (SigLIP, BLIP …) share the file's name but not its meaning. */
    private void requireKind() {
        for (String key : List.of("image_processor_type", "feature_extractor_type")) {
            String kind = json.text(key).orElse("CLIP");
            if (!kind.startsWith("CLIP") && !kind.startsWith("Llava")) {
                throw json.wrong(key, "CLIPImageProcessor");
            }
        }
    }

    private void require(String key) {
        if (!json.flag(key, true)) {
            throw json.wrong(key, "true");
        }
    }

    private Framing framing() {
        if (json.flag("do_pad", false)) { // LlavaImageProcessor's
            return Framing.PAD;
        }
        JsonNode size = json.raw("size");
        return size.has("height") || size.has("width") ? Framing.STRETCH : Framing.SQUARE;
    }

    private ResampleFilter filter() {
        int code = json.integer("resample", ResampleFilter.BICUBIC.code());
        return Arrays.stream(ResampleFilter.values())
                .filter(candidate -> candidate.code() == code)
                .findFirst()
                .orElseThrow(
                        () -> json.wrong("resample", "1 (Lanczos), 2 (bilinear) or 3 (bicubic)"));
    }

    /** Both {@code 336} and the objects with shortest_edge, or with height and width. */
    private int side(String key) {
        if (!json.has(key)) {
            return DEFAULT_SIZE;
        }
        JsonNode side = json.raw(key);
        if (side.isObject()) {
            JsonNode width = side.path("width");
            side = side.has("shortest_edge") ? side.get("shortest_edge") : side.path("height");
            if (!width.isMissingNode() && !width.equals(side)) {
                throw wrongSide(key);
            }
        }
        if (!side.isIntegralNumber() || !side.canConvertToInt()) {
            throw wrongSide(key);
        }
        return side.intValue();
    }

    private M3Exception wrongSide(String key) {
        return json.wrong(key, "a number, {\"shortest_edge\"} or a square of height and width");
    }
}
