package io.m3j.vision;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * {@code preprocessor_config.json} as the {@code CLIPImageProcessor} of transformers reads it, with
 * its defaults for what the file leaves out.
 */
final class PreprocessorFile {

    static final String NAME = "preprocessor_config.json";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MOST_BYTES = 1 << 20;
    private static final int DEFAULT_SIZE = 224;

    private final Path file;
    private final JsonNode root;

    private PreprocessorFile(Path file, JsonNode root) {
        this.file = file;
        this.root = root;
    }

    static ImageProcessorConfig read(Path file) {
        if (Files.notExists(file)) {
            return ImageProcessorConfig.clip().withFraming(Framing.SQUARE);
        }
        JsonNode root;
        try {
            if (!Files.isRegularFile(file) || Files.size(file) > MOST_BYTES) {
                throw new M3Exception(file + ": a file of at most 1 MiB expected");
            }
            root = JSON.readTree(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new M3Exception(file + ": not JSON that can be read (" + e.getMessage() + ")", e);
        }
        if (!root.isObject()) {
            throw new M3Exception(file + ": a JSON object expected, found " + root.getNodeType());
        }
        return new PreprocessorFile(file, root).config();
    }

    private ImageProcessorConfig config() {
        requireKind();
        require("do_resize");
        require("do_center_crop");
        ImageProcessorConfig clip = ImageProcessorConfig.clip();
        JsonNode size = root.path("size");
        boolean stretch = size.has("height") || size.has("width");
        try {
            return new ImageProcessorConfig(
                    stretch ? Framing.STRETCH : Framing.SQUARE,
                    side("size"),
                    side("crop_size"),
                    filter(),
                    flag("do_rescale") ? number("rescale_factor", clip.rescaleFactor()) : 1,
                    flag("do_normalize"),
                    numbers("image_mean", clip.mean()),
                    numbers("image_std", clip.std()));
        } catch (M3Exception e) {
            String message = e.getMessage();
            throw message.startsWith(file.toString()) ? e : new M3Exception(file + ": " + message);
        }
    }

    /** Other families (SigLIP, BLIP …) share the file's name but not its meaning. */
    private void requireKind() {
        for (String key : List.of("image_processor_type", "feature_extractor_type")) {
            String kind = root.path(key).asText("CLIP");
            if (!kind.startsWith("CLIP") && !kind.startsWith("Llava")) {
                throw unsupported(key, "CLIPImageProcessor");
            }
        }
    }

    private void require(String key) {
        if (!flag(key)) {
            throw unsupported(key, "true");
        }
    }

    private boolean flag(String key) {
        JsonNode value = root.path(key);
        if (absent(value)) {
            return true;
        }
        if (!value.isBoolean()) {
            throw unsupported(key, "true or false");
        }
        return value.booleanValue();
    }

    private ResampleFilter filter() {
        int code = (int) number("resample", ResampleFilter.BICUBIC.code());
        return Arrays.stream(ResampleFilter.values())
                .filter(candidate -> candidate.code() == code)
                .findFirst()
                .orElseThrow(
                        () -> unsupported("resample", "1 (Lanczos), 2 (bilinear) or 3 (bicubic)"));
    }

    /** Both {@code 336} and the objects with shortest_edge, or with height and width. */
    private int side(String key) {
        JsonNode value = root.path(key);
        if (absent(value)) {
            return DEFAULT_SIZE;
        }
        String expected = "a number, {\"shortest_edge\"} or a square of height and width";
        JsonNode side = value;
        if (value.isObject()) {
            side = value.has("shortest_edge") ? value.get("shortest_edge") : value.path("height");
            boolean square = !value.has("width") || side.equals(value.get("width"));
            if (!square) {
                throw unsupported(key, expected);
            }
        }
        if (!side.isIntegralNumber() || !side.canConvertToInt()) {
            throw unsupported(key, expected);
        }
        return side.intValue();
    }

    private double number(String key, double otherwise) {
        JsonNode value = root.path(key);
        if (absent(value)) {
            return otherwise;
        }
        if (!value.isNumber()) {
            throw unsupported(key, "a number");
        }
        return value.doubleValue();
    }

    private List<Double> numbers(String key, List<Double> otherwise) {
        JsonNode value = root.path(key);
        if (absent(value)) {
            return otherwise;
        }
        List<Double> numbers = new ArrayList<>();
        for (JsonNode element : value) {
            if (!element.isNumber()) {
                throw unsupported(key, "three numbers");
            }
            numbers.add(element.doubleValue());
        }
        return numbers;
    }

    private static boolean absent(JsonNode value) {
        return value.isMissingNode() || value.isNull();
    }

    private M3Exception unsupported(String key, String expected) {
        return new M3Exception(
                file + ": " + key + ": " + expected + " expected, found " + root.path(key));
    }
}
