package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Point;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every kind of picture gives the red, green and blue that Pillow gives. */
class PictureKindsTest {

    private static final ImageReading AS_STORED =
            ImageReading.defaults().withOrientation(ImageReading.Orientation.IGNORE);

    static List<String> files() {
        return PictureFiles.names();
    }

    @ParameterizedTest
    @MethodSource("files")
    void filesGiveThePixelsOfPillow(String name) {
        M3Image image = M3Image.of(PictureFiles.bytes(name), AS_STORED);
        M3Image expected = PictureFiles.expected(name);
        assertThat(image.width()).isEqualTo(expected.width());
        assertThat(image.height()).isEqualTo(expected.height());
        // libwebp smooths the colours of lossy pictures when it enlarges them; the plug-in does
        // not.
        int tolerance = name.startsWith("lossy") ? 64 : 0;
        assertThat(PictureFiles.largestDifference(image, expected)).isLessThanOrEqualTo(tolerance);
    }

    @Test
    void pathStreamAndBytesAreTheSamePicture(@TempDir Path directory) throws IOException {
        byte[] bytes = PictureFiles.bytes("lossless.webp");
        Path file = Files.write(directory.resolve("picture.with.a.wrong.name.png"), bytes);
        M3Image image = M3Image.of(bytes);
        assertThat(M3Image.of(file)).isEqualTo(image).hasSameHashCodeAs(image);
        assertThat(M3Image.of(new ByteArrayInputStream(bytes))).isEqualTo(image);
        assertThat(M3Image.ofRgb(image.width(), image.height(), image.rgb())).isEqualTo(image);
    }

    @Test
    void aPictureDoesNotChangeWithTheArraysItCameFromOrGave() {
        byte[] rgb = {1, 2, 3};
        M3Image image = M3Image.ofRgb(1, 1, rgb);
        rgb[0] = 9;
        image.rgb()[1] = 9;
        assertThat(image.rgb()).containsExactly(1, 2, 3);
    }

    @Test
    void pluginsAreFoundUnderAnEmptyContextClassLoader() throws Exception {
        CompletableFuture<M3Image> read = new CompletableFuture<>();
        Thread thread =
                new Thread(() -> read.complete(M3Image.of(PictureFiles.bytes("lossless.webp"))));
        thread.setContextClassLoader(new URLClassLoader(new URL[0], null));
        thread.start();
        assertThat(read.get()).isEqualTo(PictureFiles.expected("lossless.webp"));
    }

    @ParameterizedTest
    @ValueSource(
            ints = {
                BufferedImage.TYPE_INT_RGB,
                BufferedImage.TYPE_INT_ARGB,
                BufferedImage.TYPE_INT_BGR,
                BufferedImage.TYPE_3BYTE_BGR,
                BufferedImage.TYPE_4BYTE_ABGR
            })
    void picturesInMemoryKeepTheirColours(int type) {
        BufferedImage image = new BufferedImage(5, 3, type);
        byte[] expected = new byte[45];
        for (int i = 0; i < 15; i++) {
            int colour = 0x40_00_00_00 | i * 0x0f_07_03 + 0x10_20_30;
            image.setRGB(i % 5, i / 5, colour);
            expected[3 * i] = (byte) (colour >> 16);
            expected[3 * i + 1] = (byte) (colour >> 8);
            expected[3 * i + 2] = (byte) colour;
        }
        assertThat(M3Image.of(image).rgb()).isEqualTo(expected);
        assertThat(M3Image.of(image.getSubimage(1, 1, 2, 2)).rgb())
                .startsWith(expected[18], expected[19], expected[20]);
    }

    @ParameterizedTest
    @ValueSource(ints = {BufferedImage.TYPE_INT_ARGB_PRE, BufferedImage.TYPE_4BYTE_ABGR_PRE})
    void premultipliedColoursAreDividedByTheirAlpha(int type) {
        BufferedImage image = new BufferedImage(2, 1, type);
        image.getRaster().setPixel(0, 0, new int[] {50, 100, 0, 100});
        image.getRaster().setPixel(1, 0, new int[] {0, 0, 0, 0});
        assertThat(M3Image.of(image).rgb()).containsExactly((byte) 128, (byte) 255, 0, 0, 0, 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {BufferedImage.TYPE_USHORT_565_RGB, BufferedImage.TYPE_USHORT_555_RGB})
    void sixteenBitColoursAreSpreadAsJavaSpreadsThem(int type) {
        BufferedImage image = new BufferedImage(32, 32, type);
        for (int i = 0; i < 1024; i++) {
            image.setRGB(i % 32, i / 32, i * 16381);
        }
        byte[] rgb = M3Image.of(image).rgb();
        for (int i = 0; i < 1024; i++) {
            int colour = image.getRGB(i % 32, i / 32);
            assertThat(rgb[3 * i]).isEqualTo((byte) (colour >> 16));
            assertThat(rgb[3 * i + 1]).isEqualTo((byte) (colour >> 8));
            assertThat(rgb[3 * i + 2]).isEqualTo((byte) colour);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_USHORT_GRAY})
    void greyIsRepeatedAndNotBrightened(int type) {
        BufferedImage image = new BufferedImage(256, 1, type);
        int factor = type == BufferedImage.TYPE_USHORT_GRAY ? 256 : 1;
        byte[] expected = new byte[768];
        for (int x = 0; x < 256; x++) {
            image.getRaster().setSample(x, 0, 0, x * factor + factor - 1);
            for (int channel = 0; channel < 3; channel++) {
                expected[3 * x + channel] = (byte) x;
            }
        }
        assertThat(M3Image.of(image).rgb()).isEqualTo(expected);
        assertThat(M3Image.of(PictureFiles.written(image, "png")).rgb()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void palettesAreLookedUpAtEveryDepth(int bits) {
        int size = 1 << bits;
        byte[][] colours = new byte[4][size];
        byte[] expected = new byte[3 * size];
        for (int i = 0; i < size; i++) {
            for (int channel = 0; channel < 4; channel++) {
                colours[channel][i] = (byte) (i * (channel * 2 + 3) + 17);
            }
            for (int channel = 0; channel < 3; channel++) {
                expected[3 * i + channel] = colours[channel][i];
            }
        }
        for (boolean transparent : new boolean[] {false, true}) {
            IndexColorModel palette =
                    transparent
                            ? new IndexColorModel(
                                    bits, size, colours[0], colours[1], colours[2], colours[3])
                            : new IndexColorModel(bits, size, colours[0], colours[1], colours[2]);
            WritableRaster raster =
                    bits == 8
                            ? Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, size, 1, 1, null)
                            : Raster.createPackedRaster(
                                    DataBuffer.TYPE_BYTE, size, 1, 1, bits, null);
            for (int x = 0; x < size; x++) {
                raster.setSample(x, 0, 0, x);
            }
            BufferedImage image = new BufferedImage(palette, raster, false, null);
            assertThat(M3Image.of(image).rgb()).isEqualTo(expected);
            assertThat(M3Image.of(PictureFiles.written(image, "png")).rgb()).isEqualTo(expected);
            if (!transparent && bits != 2) {
                assertThat(M3Image.of(PictureFiles.written(image, "bmp")).rgb())
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void customModelsOfAnyDepthAreRead() {
        assertThat(
                        custom(
                                ColorSpace.CS_sRGB,
                                DataBuffer.TYPE_USHORT,
                                false,
                                0x12ff,
                                0x8000,
                                0xffff))
                .containsExactly(0x12, (byte) 0x80, (byte) 0xff);
        assertThat(custom(ColorSpace.CS_sRGB, DataBuffer.TYPE_SHORT, false, 0x7fff, 0x4000, 0))
                .containsExactly((byte) 0xff, (byte) 0x80, 0);
        assertThat(custom(ColorSpace.CS_sRGB, DataBuffer.TYPE_FLOAT, false, 1, 0.5, 0))
                .containsExactly((byte) 255, (byte) 128, 0);
        assertThat(custom(ColorSpace.CS_sRGB, DataBuffer.TYPE_INT, false, 0x12345678, 0, 0))
                .containsExactly(0x12, 0, 0);
        assertThat(custom(ColorSpace.CS_GRAY, DataBuffer.TYPE_BYTE, true, 77, 3))
                .containsExactly(77, 77, 77);
        assertThat(custom(ColorSpace.CS_GRAY, DataBuffer.TYPE_DOUBLE, true, 0.2, 0))
                .containsExactly(51, 51, 51);
        assertThat(custom(ColorSpace.CS_LINEAR_RGB, DataBuffer.TYPE_BYTE, false, 10, 20, 30))
                .containsExactly(10, 20, 30);
    }

    private static byte[] custom(int space, int type, boolean alpha, double... samples) {
        ColorModel model =
                new ComponentColorModel(
                        ColorSpace.getInstance(space),
                        alpha,
                        false,
                        alpha ? BufferedImage.TRANSLUCENT : BufferedImage.OPAQUE,
                        type);
        WritableRaster raster =
                Raster.createWritableRaster(model.createCompatibleSampleModel(1, 1), new Point());
        raster.setPixel(0, 0, samples);
        return M3Image.of(new BufferedImage(model, raster, false, null)).rgb();
    }

    @Test
    void anArgumentThatIsNullIsNamed() {
        ImageReading reading = ImageReading.defaults();
        assertNull(() -> M3Image.of((Path) null), "file");
        assertNull(() -> M3Image.of(Path.of("x"), null), "reading");
        assertNull(() -> M3Image.of((byte[]) null), "encoded");
        assertNull(() -> M3Image.of((InputStream) null, reading), "stream");
        assertNull(() -> M3Image.of((BufferedImage) null), "image");
        assertNull(() -> M3Image.ofRgb(1, 1, null), "rgb");
    }

    private static void assertNull(ThrowingCallable call, String argument) {
        assertThatThrownBy(call)
                .isInstanceOf(NullPointerException.class)
                .hasMessage(argument + ": expected a value, found null");
    }
}
