package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.llm.LoadOptions.ImageMode;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.ImageProcessorConfig;
import io.m3j.vision.ImageProcessorConfig.Framing;
import io.m3j.vision.PatchMerge;
import io.m3j.vision.Resolution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a picture becomes a square, by config.json, preprocessor_config.json and the caller. */
class FramingTest {

    private static final String EDGE = "'size':{'shortest_edge':336}";
    private static final String SIDES = "'size':{'height':336,'width':336}";

    @TempDir Path temporary;

    /** An aspect of - stands for none; a mode of - too. */
    @ParameterizedTest
    @CsvSource({
        // checkpoint, image_aspect_ratio, size, do_pad, image mode: framing
        "llava-m3, pad, edge, -, -, PAD",
        "llava-m3, pad, edge, false, -, PAD",
        "llava-m3, pad, sides, -, -, PAD",
        "llava-m3, square, edge, -, -, SQUARE",
        "llava-m3, square, sides, -, -, STRETCH",
        "llava-m3, -, sides, -, -, STRETCH",
        "llava-m3, -, edge, -, -, SQUARE",
        "llava-m3, -, edge, true, -, PAD",
        "llava-m3, -, none, -, -, SQUARE",
        "llava-m3, square, sides, -, CROP, SQUARE",
        "llava-m3, square, sides, -, PAD, PAD",
        "llava-hf, -, edge, -, -, PAD",
        "llava-hf, -, edge, null, -, PAD",
        "llava-hf, -, edge, true, -, PAD",
        "llava-hf, -, edge, false, -, SQUARE",
        "llava-hf, -, sides, false, -, STRETCH",
        "llava-hf, -, sides, -, -, PAD",
        "llava-hf, -, none, -, -, PAD",
        "llava-hf, square, edge, -, -, SQUARE",
        "llava-hf, -, edge, true, CROP, SQUARE",
        "llava-hf, -, edge, false, PAD, PAD",
    })
    void thePixelsAreFramedAsTheFilesOrTheCallerSay(
            String checkpoint, String aspect, String size, String pad, String mode, Framing framing)
            throws IOException {
        Path directory = TestCheckpoint.link(checkpoint, temporary, "model");
        TestCheckpoint.edit(
                directory,
                config -> {
                    config.remove("image_aspect_ratio");
                    given(aspect).ifPresent(value -> config.put("image_aspect_ratio", value));
                });
        Path file = directory.resolve("preprocessor_config.json");
        if (size.equals("none")) {
            Files.delete(file);
        } else {
            String json =
                    "{"
                            + (size.equals("edge") ? EDGE : SIDES)
                            + ",'crop_size':336"
                            + given(pad).map(value -> ",'do_pad':" + value).orElse("")
                            + "}";
            Files.writeString(file, json.replace('\'', '"'));
        }
        LoadOptions.Builder options = LoadOptions.builder();
        given(mode).map(ImageMode::valueOf).ifPresent(options::imageMode);
        ImageProcessor expected =
                new ImageProcessor(ImageProcessorConfig.clip().withFraming(framing));
        try (M3Model model = M3Model.load(directory, options.build());
                NDManager scope = model.newManager();
                NDArray pixels = model.encoder().pixels(scope, M3ModelTest.picture())) {
            assertThat(pixels.toFloatArray()).isEqualTo(expected.pixels(M3ModelTest.picture()));
        }
    }

    private static Optional<String> given(String value) {
        return Optional.of(value).filter(text -> !text.equals("-"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"highres", "PAD", "", "padded"})
    void anAspectRatioThatIsNotKnownIsRefused(String aspect) throws IOException {
        for (String checkpoint : new String[] {"llava-m3", "llava-hf"}) {
            Path directory = TestCheckpoint.link(checkpoint, temporary, checkpoint);
            TestCheckpoint.edit(directory, c -> c.put("image_aspect_ratio", aspect));
            assertThatThrownBy(() -> M3Config.read(directory))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(directory.resolve("config.json").toString())
                    .hasMessageContaining(
                            "image_aspect_ratio: expected pad, square, anyres or anyres_max_N")
                    .hasMessageContaining("\"" + aspect + "\"");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llava-m3", "llava-hf"})
    void anyResolutionIsRecognisedInBothLayouts(String checkpoint) throws IOException {
        Path directory = TestCheckpoint.link(checkpoint, temporary, "model");
        TestCheckpoint.edit(
                directory,
                c -> {
                    c.put("image_aspect_ratio", "anyres_max_9");
                    c.put("image_grid_pinpoints", "[(336, 672), (672, 336)]");
                });
        M3Config config = M3Config.read(directory);
        assertThat(config.family()).isEqualTo(M3Config.Family.LLAVA_NEXT);
        AnyResolution any = config.anyResolution().orElseThrow();
        assertThat(any.mostTiles()).hasValue(9);
        boolean widthFirst = checkpoint.equals("llava-m3");
        assertThat(any.pinpoints().get(0))
                .isEqualTo(widthFirst ? new Resolution(336, 672) : new Resolution(672, 336));
        assertThat(any.merge()).isEqualTo(widthFirst ? PatchMerge.FLAT : PatchMerge.SPATIAL_UNPAD);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llava-m3", "llava-hf"})
    void aPaddingThatIsNoFlagIsRefused(String checkpoint) throws IOException {
        Path directory = TestCheckpoint.link(checkpoint, temporary, "model");
        Files.writeString(
                directory.resolve("preprocessor_config.json"),
                "{\"size\": 336, \"crop_size\": 336, \"do_pad\": \"yes\"}");
        assertThatThrownBy(() -> M3Model.load(directory).close())
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("preprocessor_config.json: do_pad: expected true or false");
    }
}
