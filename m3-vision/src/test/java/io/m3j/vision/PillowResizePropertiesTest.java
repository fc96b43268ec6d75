package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class PillowResizePropertiesTest {

    @Property(tries = 60)
    void resizeIsWithinOneLevelOfTheFormulaInDoublePrecision(
            @ForAll @IntRange(min = 1, max = 400) int width,
            @ForAll @IntRange(min = 1, max = 400) int height,
            @ForAll @IntRange(min = 1, max = 60) int newWidth,
            @ForAll @IntRange(min = 1, max = 60) int newHeight,
            @ForAll ResampleFilter filter,
            @ForAll long seed) {
        M3Image image = random(width, height, seed);
        assertWithin(1, image, newWidth, height, filter);
        assertWithin(1, image, width, newHeight, filter);
        // Where the first pass rounds a tie the other way, the second may enlarge the difference.
        assertWithin(2, image, newWidth, newHeight, filter);
    }

    private static void assertWithin(
            int levels, M3Image image, int width, int height, ResampleFilter filter) {
        byte[] found = PillowResize.resize(image, width, height, filter).rgb();
        byte[] expected = slow(image, width, height, filter);
        for (int i = 0; i < found.length; i++) {
            int difference = (found[i] & 0xff) - (expected[i] & 0xff);
            if (Math.abs(difference) > levels) {
                assertThat(difference).as("byte %d", i).isBetween(-levels, levels);
            }
        }
    }

    @Property(tries = 40)
    void aResizeToTheSameSizeChangesNothing(
            @ForAll @IntRange(min = 1, max = 400) int width,
            @ForAll @IntRange(min = 1, max = 400) int height,
            @ForAll ResampleFilter filter,
            @ForAll long seed) {
        M3Image image = random(width, height, seed);
        assertThat(PillowResize.resize(image, width, height, filter)).isEqualTo(image);
    }

    @Property(tries = 40)
    void oneColourStaysThatColour(
            @ForAll @IntRange(min = 1, max = 400) int width,
            @ForAll @IntRange(min = 1, max = 400) int height,
            @ForAll @IntRange(min = 1, max = 100) int newSize,
            @ForAll byte level,
            @ForAll ResampleFilter filter) {
        byte[] rgb = new byte[3 * width * height];
        Arrays.fill(rgb, level);
        byte[] resized =
                PillowResize.resize(M3Image.ofRgb(width, height, rgb), newSize, newSize, filter)
                        .rgb();
        byte[] expected = new byte[3 * newSize * newSize];
        Arrays.fill(expected, level);
        assertThat(resized).isEqualTo(expected);
    }

    /** The bars and the crop are never written out; the result must not tell. */
    @Property(tries = 40)
    void framingEqualsPaddingAndCroppingInFull(
            @ForAll @IntRange(min = 1, max = 200) int width,
            @ForAll @IntRange(min = 1, max = 200) int height,
            @ForAll @IntRange(min = 1, max = 64) int size,
            @ForAll long seed) {
        M3Image image = random(width, height, seed);
        ImageProcessorConfig config = ImageProcessorConfig.clip(size);
        int side = Math.max(width, height);
        Canvas canvas = Canvas.squared(image, config.padColour());
        byte[] padded = new byte[3 * side * side];
        for (int y = 0; y < side; y++) {
            byte[] row = canvas.backgroundRow();
            if (canvas.showsPicture(y)) {
                System.arraycopy(
                        image.rgb(),
                        3 * (y - canvas.top()) * width,
                        row,
                        3 * canvas.left(),
                        3 * width);
            }
            System.arraycopy(row, 0, padded, 3 * y * side, 3 * side);
        }
        assertThat(new ImageProcessor(config).resized(image))
                .isEqualTo(
                        PillowResize.resize(
                                        M3Image.ofRgb(side, side, padded),
                                        size,
                                        size,
                                        ResampleFilter.BICUBIC)
                                .rgb());

        int shorter = Math.min(width, height);
        int scaledWidth = (int) ((double) (size * width) / shorter);
        int scaledHeight = (int) ((double) (size * height) / shorter);
        byte[] whole =
                PillowResize.resize(image, scaledWidth, scaledHeight, ResampleFilter.BICUBIC).rgb();
        byte[] cropped = new byte[3 * size * size];
        for (int y = 0; y < size; y++) {
            int row = (scaledHeight - size) / 2 + y;
            System.arraycopy(
                    whole,
                    3 * (row * scaledWidth + (scaledWidth - size) / 2),
                    cropped,
                    3 * y * size,
                    3 * size);
        }
        assertThat(new ImageProcessor(config.withFraming(Framing.SQUARE)).resized(image))
                .isEqualTo(cropped);
    }

    @Property(tries = 12)
    void longThinPicturesNeedNoMemoryForTheirBars(
            @ForAll Framing framing, @ForAll boolean upright) {
        M3Image image = upright ? random(3, 20_000, 1) : random(20_000, 3, 1);
        float[] pixels =
                new ImageProcessor(ImageProcessorConfig.clip().withFraming(framing)).pixels(image);
        assertThat(pixels).hasSize(3 * 336 * 336);
    }

    @Example
    void theLongestSideStillFits() {
        for (Framing framing : Framing.values()) {
            ImageProcessor processor =
                    new ImageProcessor(ImageProcessorConfig.clip().withFraming(framing));
            processor.pixels(random(1, M3Image.LONGEST_SIDE, 1));
            processor.pixels(random(M3Image.LONGEST_SIDE, 1, 1));
        }
    }

    @Example
    void sizesThatNoPictureHasAreRefused() {
        M3Image image = random(2, 2, 1);
        for (int side : new int[] {0, -1, 65_536, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> PillowResize.resize(image, side, 5, ResampleFilter.BICUBIC))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(side + "×5");
            assertThatThrownBy(() -> M3Image.ofRgb(3, side, new byte[9]))
                    .isInstanceOf(M3Exception.class);
        }
        assertThatThrownBy(() -> M3Image.ofRgb(2, 2, new byte[11]))
                .isInstanceOf(M3Exception.class)
                .hasMessage("image: 2×2×3 bytes expected, found 11");
    }

    private static M3Image random(int width, int height, long seed) {
        byte[] rgb = new byte[3 * width * height];
        new Random(seed).nextBytes(rgb);
        return M3Image.ofRgb(width, height, rgb);
    }

    /** Two passes, 8 bits between them, everything else in double precision. */
    private static byte[] slow(M3Image image, int width, int height, ResampleFilter filter) {
        byte[] source = image.rgb();
        byte[] between =
                slowPass(
                        source,
                        image.width(),
                        width,
                        image.height(),
                        3,
                        3 * image.width(),
                        3 * width,
                        filter);
        return slowPass(between, image.height(), height, width, 3 * width, 3, 3, filter);
    }

    private static byte[] slowPass(
            byte[] source,
            int from,
            int to,
            int lines,
            int step,
            int lineStep,
            int newLineStep,
            ResampleFilter filter) {
        byte[] result = new byte[3 * to * lines];
        double scale = Math.max(1, (double) from / to);
        for (int i = 0; i < to; i++) {
            double centre = (i + 0.5) * from / to;
            double[] weights = new double[from];
            for (int k = 0; k < from; k++) {
                double distance = (k + 0.5 - centre) / scale;
                weights[k] = Math.abs(distance) < filter.support() ? filter.weight(distance) : 0;
            }
            double total = Arrays.stream(weights).sum();
            for (int line = 0; line < lines; line++) {
                for (int channel = 0; channel < 3; channel++) {
                    double sum = 0;
                    for (int k = 0; k < from; k++) {
                        sum += weights[k] * (source[line * lineStep + k * step + channel] & 0xff);
                    }
                    result[line * newLineStep + i * step + channel] =
                            (byte) Math.round(Math.max(0, Math.min(255, sum / total)));
                }
            }
        }
        return result;
    }
}
