package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Bit for bit what Pillow 9.4 and transformers 4.36.2 made of the same pictures. */
class PreprocessingGoldenTest {

    private static final JsonNode EXPECTED = Golden.json("golden/preproc/preproc.json");
    private static final GoldenTensors SAMPLES =
            Golden.tensors("golden/preproc/samples.safetensors");
    private static final int SIZE = 336;

    static Stream<Arguments> images() {
        JsonNode images = Golden.json("images/images.json").path("images");
        return Stream.iterate(0, i -> i < images.size(), i -> i + 1)
                .map(images::get)
                .map(image -> Arguments.of(image.path("name").asText(), image));
    }

    static Stream<Arguments> imagesAndFramings() {
        JsonNode images = EXPECTED.path("images");
        return Stream.iterate(0, i -> i < images.size(), i -> i + 1)
                .map(images::get)
                .flatMap(
                        image ->
                                Stream.of(Framing.PAD, Framing.SQUARE)
                                        .map(
                                                framing ->
                                                        Arguments.of(
                                                                image.path("image").asText(),
                                                                framing,
                                                                image)));
    }

    static List<String> resizes() {
        return List.copyOf(Golden.tensors("golden/preproc/pil_resize.safetensors").names());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("images")
    void decodedPixelsAreThoseOfPillow(String name, JsonNode expected) {
        M3Image image = M3Image.of(Golden.image(name + ".png"));
        assertThat(image.width()).isEqualTo(expected.path("width").asInt());
        assertThat(image.height()).isEqualTo(expected.path("height").asInt());
        assertThat(crc32(image.rgb())).isEqualTo(expected.path("rgb_crc32").asLong());
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("imagesAndFramings")
    void preprocessedPixelsAreThoseOfTheReference(String name, Framing framing, JsonNode image) {
        String mode = framing.name().toLowerCase(Locale.ROOT);
        JsonNode expected = image.path(mode);
        ImageProcessor processor =
                new ImageProcessor(ImageProcessorConfig.clip().withFraming(framing));
        M3Image source = M3Image.of(Golden.image(name + ".png"));

        byte[] levels = processor.resized(source);
        assertThat(crc32(levels)).isEqualTo(expected.path("u8_crc32").asLong());
        assertThat(sampledLevels(levels)).isEqualTo(SAMPLES.u8(mode + "." + name + ".u8"));

        float[] pixels = processor.pixels(source);
        assertThat(sampled(pixels, 8, 16)).isEqualTo(SAMPLES.f32(mode + "." + name + ".f32"));
        double sum = 0;
        for (float value : pixels) {
            sum += value;
        }
        assertThat(sum).isCloseTo(expected.path("f32_sum").asDouble(), within(1e-6));
    }

    @Test
    void everySecondPixelOfAWholePictureIsEqual() {
        float[] pixels =
                new ImageProcessor(ImageProcessorConfig.clip())
                        .pixels(M3Image.of(Golden.image("land_640x480.png")));
        float[] half = sampled(pixels, 0, 2);
        ByteBuffer bytes = ByteBuffer.allocate(half.length * Float.BYTES);
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(half);
        // The CRC-32 of pad.land_640x480.f32_every2 in the reference's pixel_values_half.
        assertThat(crc32(bytes.array())).isEqualTo(1700257830L);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("resizes")
    void resizedPixelsAreThoseOfPillow(String name) {
        GoldenTensors expected = Golden.tensors("golden/preproc/pil_resize.safetensors");
        String[] parts = name.split("\\.");
        long[] shape = expected.shape(name);
        M3Image resized =
                PillowResize.resize(
                        M3Image.of(Golden.image(parts[1] + ".png")),
                        (int) shape[1],
                        (int) shape[0],
                        ResampleFilter.valueOf(parts[0].toUpperCase(Locale.ROOT)));
        assertThat(resized.rgb()).isEqualTo(expected.u8(name));
    }

    @Test
    void theBarsHaveTheMeanColourRoundedDown() {
        assertThat(ImageProcessorConfig.clip().padColour()).isEqualTo(new RgbColour(122, 116, 104));
    }

    private static byte[] sampledLevels(byte[] levels) {
        byte[] sampled = new byte[42 * 42 * 3];
        int target = 0;
        for (int y = 4; y < SIZE; y += 8) {
            for (int x = 4; x < SIZE; x += 8) {
                for (int channel = 0; channel < 3; channel++) {
                    sampled[target++] = levels[3 * (y * SIZE + x) + channel];
                }
            }
        }
        return sampled;
    }

    private static float[] sampled(float[] planes, int start, int step) {
        int side = (SIZE - start + step - 1) / step;
        float[] sampled = new float[3 * side * side];
        int target = 0;
        for (int channel = 0; channel < 3; channel++) {
            for (int y = start; y < SIZE; y += step) {
                for (int x = start; x < SIZE; x += step) {
                    sampled[target++] = planes[(channel * SIZE + y) * SIZE + x];
                }
            }
        }
        return sampled;
    }

    private static long crc32(byte[] bytes) {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return crc.getValue();
    }
}
