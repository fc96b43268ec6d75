package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.m3j.core.M3Exception;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever the bytes are, there is a picture or a failure that says what is wrong. */
class UntrustedPicturesTest {

    private static final ImageReading SMALL = ImageReading.defaults().withMaxPixels(100_000);

    static List<String> files() {
        return Stream.concat(PictureFiles.names().stream(), Stream.of("24.bmp", "8.bmp")).toList();
    }

    private static byte[] bytes(String name) {
        if (!name.endsWith(".bmp")) {
            return PictureFiles.bytes(name);
        }
        int type =
                name.startsWith("8")
                        ? BufferedImage.TYPE_BYTE_INDEXED
                        : BufferedImage.TYPE_3BYTE_BGR;
        BufferedImage image = new BufferedImage(24, 17, type);
        for (int i = 0; i < 24 * 17; i++) {
            image.setRGB(i % 24, i / 24, i * 40_503);
        }
        return PictureFiles.written(image, "bmp");
    }

    @ParameterizedTest
    @MethodSource("files")
    void aFileCutShortIsRefusedOrLosesNoPixel(String name) {
        byte[] whole = bytes(name);
        M3Image picture = M3Image.of(whole);
        int step = Math.max(1, whole.length / 150);
        for (int length = 1; length < whole.length; length += step) {
            try {
                M3Image cut = M3Image.of(Arrays.copyOf(whole, length), SMALL);
                if (!cut.equals(picture)) {
                    fail("silently another picture after " + length + " of " + whole.length);
                }
            } catch (M3Exception e) {
                assertThat(e).hasMessageStartingWith("image of " + length + " bytes");
            }
        }
    }

    @Provide
    Arbitrary<String> names() {
        return Arbitraries.of(files());
    }

    @Property(tries = 2000, shrinking = ShrinkingMode.OFF)
    void changedBytesGiveAPictureOrAnM3Exception(@ForAll("names") String name, @ForAll long seed) {
        byte[] changed = bytes(name);
        Random random = new Random(seed);
        int changes = 1 + random.nextInt(6);
        for (int i = 0; i < changes; i++) {
            // Half of the changes hit the headers, where they do most harm.
            int reach = random.nextBoolean() ? Math.min(64, changed.length) : changed.length;
            changed[random.nextInt(reach)] = (byte) random.nextInt();
        }
        try {
            M3Image picture = M3Image.of(changed, SMALL);
            assertThat(picture.rgb()).hasSize(3 * picture.width() * picture.height());
        } catch (M3Exception e) {
            assertThat(e).hasMessageStartingWith("image of ");
        }
    }

    @Property(tries = 500, shrinking = ShrinkingMode.OFF)
    void noiseBehindTheFirstBytesIsRefused(@ForAll PictureFormat format, @ForAll long seed) {
        byte[] start = bytes(files().stream().filter(n -> matches(n, format)).findFirst().get());
        byte[] noise = new byte[400];
        new Random(seed).nextBytes(noise);
        System.arraycopy(start, 0, noise, 0, 16);
        assertThatThrownBy(() -> M3Image.of(noise, SMALL)).isInstanceOf(M3Exception.class);
    }

    private static boolean matches(String name, PictureFormat format) {
        return PictureFormat.of(bytes(name)) == format;
    }

    @Test
    void bombsAreRefusedBeforeTheyAreDecoded() {
        CRC32 crc = new CRC32();
        byte[] header = {'I', 'H', 'D', 'R', 0, 1, -122, -96, 0, 1, -122, -96, 8, 2, 0, 0, 0};
        crc.update(header);
        byte[] png =
                ByteBuffer.allocate(64)
                        .put(new byte[] {-119, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13})
                        .put(header)
                        .putInt((int) crc.getValue())
                        .array();
        assertThatThrownBy(() -> M3Image.of(png))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("65535 pixels expected, found 100000×100000");

        byte[] frame = PictureFiles.bytes("palette.gif");
        byte[] screen = frame.clone();
        Arrays.fill(screen, 6, 10, (byte) 0xff);
        assertThatThrownBy(() -> M3Image.of(screen))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("65535×65535")
                .hasMessageContaining("100000000 pixels")
                .hasMessageContaining("withMaxPixels");
    }

    @Test
    void limitsAreThoseOfTheCaller() {
        byte[] bytes = PictureFiles.bytes("lossless.webp");
        assertThatThrownBy(
                        () -> M3Image.of(bytes, ImageReading.defaults().withMaxPixels(24 * 17 - 1)))
                .hasMessageContaining("24×17");
        M3Image.of(bytes, ImageReading.defaults().withMaxPixels(24 * 17));
        ImageReading shortFile = ImageReading.defaults().withMaxBytes(bytes.length - 1);
        assertThatThrownBy(() -> M3Image.of(bytes, shortFile)).hasMessageContaining("withMaxBytes");
        assertThatThrownBy(() -> M3Image.of(new ByteArrayInputStream(bytes), shortFile))
                .hasMessageContaining("withMaxBytes");
        assertThatThrownBy(
                        () ->
                                M3Image.of(
                                        new BufferedImage(9, 9, BufferedImage.TYPE_INT_RGB),
                                        ImageReading.defaults().withMaxPixels(80)))
                .hasMessageContaining("9×9");
        assertThatThrownBy(() -> ImageReading.defaults().withMaxPixels(0))
                .isInstanceOf(M3Exception.class);
    }

    @Test
    void whatIsNoPictureIsRefusedByName(@TempDir Path directory) throws IOException {
        Path absent = directory.resolve("cat.jpg");
        assertThatThrownBy(() -> M3Image.of(absent))
                .isInstanceOf(M3Exception.class)
                .hasMessage("image " + absent + ": no such file");
        assertThatThrownBy(() -> M3Image.of(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("directory");
        Path empty = Files.createFile(directory.resolve("empty.png"));
        assertThatThrownBy(() -> M3Image.of(empty))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("empty.png")
                .hasMessageContaining("0 bytes");
        Path text = Files.writeString(directory.resolve("text.png"), "this is not a picture");
        assertThatThrownBy(() -> M3Image.of(text))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("text.png: not a picture that can be read")
                .hasMessageContaining("PNG, JPEG, GIF, BMP or WebP")
                .hasMessageContaining("74 68 69 73");
        InputStream broken =
                new InputStream() {
                    @Override
                    public int read() throws IOException {
                        throw new IOException("gone");
                    }
                };
        assertThatThrownBy(() -> M3Image.of(broken))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("gone");
    }
}
