package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class OrientationTest {

    private static final ImageReading AS_STORED =
            ImageReading.defaults().withOrientation(ImageReading.Orientation.IGNORE);

    /** The stored picture is 3 × 2: abc / def; the upright one follows from the EXIF standard. */
    @ParameterizedTest
    @CsvSource({
        "1, abc/def", "2, cba/fed", "3, fed/cba", "4, def/abc",
        "5, ad/be/cf", "6, da/eb/fc", "7, fc/eb/da", "8, cf/be/ad"
    })
    void eachOrientationIsTurnedUpright(int orientation, String upright) {
        byte[] png = withExif(PictureFiles.written(letters(), "png"), orientation);
        assertThat(letters(M3Image.of(png))).isEqualTo(upright);
        assertThat(letters(M3Image.of(png, AS_STORED))).isEqualTo("abc/def");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 9, 65535})
    void anOrientationThatDoesNotExistIsUpright(int orientation) {
        byte[] png = withExif(PictureFiles.written(letters(), "png"), orientation);
        assertThat(letters(M3Image.of(png))).isEqualTo("abc/def");
    }

    @ParameterizedTest
    @ValueSource(strings = {"exif_6.webp", "exif_6.png", "exif_6.jpg"})
    void everyFormatIsAskedForItsOrientation(String name) {
        byte[] bytes = PictureFiles.bytes(name);
        M3Image stored = M3Image.of(bytes, AS_STORED);
        M3Image upright = M3Image.of(bytes);
        assertThat(upright.width()).isEqualTo(stored.height());
        assertThat(upright).isEqualTo(ExifOrientation.TURNED_RIGHT.apply(stored));
    }

    static List<String> files() {
        return PictureFiles.names();
    }

    @ParameterizedTest
    @MethodSource("files")
    void theSizeToldIsThatOfTheDecodedPicture(String name, @TempDir Path directory)
            throws IOException {
        byte[] bytes = PictureFiles.bytes(name);
        Path file = Files.write(directory.resolve("picture"), bytes);
        for (ImageReading reading : List.of(ImageReading.defaults(), AS_STORED)) {
            assertThat(M3Image.size(file, reading)).isEqualTo(size(M3Image.of(file, reading)));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exif_6.webp", "exif_6.png", "exif_6.jpg"})
    void theBeginningOfAFileTellsItsSize(String name, @TempDir Path directory) throws IOException {
        byte[] bytes = PictureFiles.bytes(name);
        M3Image stored = M3Image.of(bytes, AS_STORED);
        assertThat(stored.width()).isNotEqualTo(stored.height());
        // Bytes that decoding would need are not read.
        Path file = directory.resolve("picture");
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 20));
        assertThat(M3Image.size(file, AS_STORED)).isEqualTo(size(stored));
    }

    /** Where a PNG may say so too. */
    @Test
    void anOrientationBehindThePixelsCountsForTheSize(@TempDir Path directory) throws IOException {
        byte[] png = PictureFiles.written(letters(), "png");
        byte[] turned = withChunk(png, png.length - 12, exif(6));
        Path file = Files.write(directory.resolve("picture"), turned);
        assertThat(M3Image.of(turned).width()).isEqualTo(2);
        assertThat(M3Image.size(file, ImageReading.defaults())).isEqualTo(new Resolution(2, 3));
    }

    /** A chunk that claims two gibibytes is not believed before they are there. */
    @Test
    void aChunkThatClaimsMuchDoesNotEndInAnError(@TempDir Path directory) throws IOException {
        byte[] webp = PictureFiles.bytes("exif_6.webp");
        for (int i = 12; i < webp.length - 8; i++) {
            if (new String(webp, i, 4, StandardCharsets.US_ASCII).equals("EXIF")) {
                Arrays.fill(webp, i + 4, i + 7, (byte) 0xff);
                webp[i + 7] = 0x7f;
            }
        }
        Path file = Files.write(directory.resolve("picture"), webp);
        try {
            Resolution told = M3Image.size(file, ImageReading.defaults());
            assertThat(told).isEqualTo(size(M3Image.of(file)));
        } catch (M3Exception e) {
            assertThat(e).hasMessageContaining("picture");
        }
    }

    private static Resolution size(M3Image image) {
        return new Resolution(image.width(), image.height());
    }

    @Test
    void whatIsNoPictureHasNoSize(@TempDir Path directory) throws IOException {
        Path file = Files.write(directory.resolve("text"), new byte[] {1, 2, 3});
        assertThatThrownBy(() -> M3Image.size(file, ImageReading.defaults()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("text: not a picture");
        assertThatThrownBy(() -> M3Image.size(directory, ImageReading.defaults()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found a directory");
        Path gif = directory.resolve("a.gif");
        Files.write(gif, PictureFiles.written(letters(), "gif"));
        assertThat(M3Image.size(gif, ImageReading.defaults())).isEqualTo(new Resolution(3, 2));
    }

    @Test
    void brokenExifDoesNotHideAPicture() {
        byte[] png = withChunk(PictureFiles.written(letters(), "png"), new byte[] {'M', 'M', 0});
        assertThat(letters(M3Image.of(png))).isEqualTo("abc/def");
    }

    @Property(tries = 50)
    void turningBackGivesTheStoredPicture(
            @ForAll @IntRange(min = 1, max = 30) int width,
            @ForAll @IntRange(min = 1, max = 30) int height,
            @ForAll ExifOrientation orientation) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (i * 31);
        }
        M3Image image = M3Image.ofRgb(width, height, rgb);
        ExifOrientation back =
                switch (orientation) {
                    case TURNED_RIGHT -> ExifOrientation.TURNED_LEFT;
                    case TURNED_LEFT -> ExifOrientation.TURNED_RIGHT;
                    default -> orientation;
                };
        assertThat(back.apply(orientation.apply(image))).isEqualTo(image);
    }

    private static BufferedImage letters() {
        var image = new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < 6; i++) {
            image.setRGB(i % 3, i / 3, 'a' + i);
        }
        return image;
    }

    private static String letters(M3Image image) {
        StringBuilder text = new StringBuilder();
        byte[] rgb = image.rgb();
        for (int y = 0; y < image.height(); y++) {
            text.append(y == 0 ? "" : "/");
            for (int x = 0; x < image.width(); x++) {
                text.append((char) rgb[3 * (y * image.width() + x) + 2]);
            }
        }
        return text.toString();
    }

    private static byte[] withExif(byte[] png, int orientation) {
        return withChunk(png, exif(orientation));
    }

    private static byte[] exif(int orientation) {
        return ByteBuffer.allocate(26)
                .put("MM".getBytes(StandardCharsets.US_ASCII))
                .putShort((short) 42)
                .putInt(8)
                .putShort((short) 1)
                .putShort((short) 0x112)
                .putShort((short) 3)
                .putInt(1)
                .putShort((short) orientation)
                .array();
    }

    /** Puts an eXIf chunk behind the header, which ends after 33 bytes. */
    private static byte[] withChunk(byte[] png, byte[] exif) {
        return withChunk(png, 33, exif);
    }

    private static byte[] withChunk(byte[] png, int place, byte[] exif) {
        byte[] type = "eXIf".getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(type);
        crc.update(exif);
        return ByteBuffer.allocate(png.length + exif.length + 12)
                .put(png, 0, place)
                .putInt(exif.length)
                .put(type)
                .put(exif)
                .putInt((int) crc.getValue())
                .put(png, place, png.length - place)
                .array();
    }
}
