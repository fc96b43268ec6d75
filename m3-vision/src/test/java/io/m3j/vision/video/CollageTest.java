package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import io.m3j.vision.PillowResize;
import io.m3j.vision.ResampleFilter;
import io.m3j.vision.Resolution;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** Frames side by side. */
class CollageTest {

    /** 2 × 2 pixels of {@code n}1 to {@code n}4, red alone. */
    private static M3Image frame(int n) {
        byte[] rgb = new byte[12];
        for (int i = 0; i < 4; i++) {
            rgb[3 * i] = (byte) (10 * n + i + 1);
        }
        return M3Image.ofRgb(2, 2, rgb);
    }

    private static void requireReds(M3Image picture, int width, int height, int... reds) {
        assertThat(List.of(picture.width(), picture.height())).containsExactly(width, height);
        byte[] rgb = picture.rgb();
        assertThat(IntStream.range(0, reds.length).map(i -> rgb[3 * i] & 0xff))
                .containsExactly(IntStream.of(reds).boxed().toArray(Integer[]::new));
        assertThat(IntStream.range(0, rgb.length).filter(i -> i % 3 > 0).map(i -> rgb[i]))
                .containsOnly(0);
    }

    @Test
    void sixFramesStandInTwoColumnsAndThreeRows() {
        List<M3Image> six = IntStream.range(0, 6).mapToObj(CollageTest::frame).toList();
        assertThat(Collage.SIX.frames()).isEqualTo(6);
        requireReds(
                Collage.SIX.join(six),
                4,
                6, //
                1,
                2,
                11,
                12, //
                3,
                4,
                13,
                14, //
                21,
                22,
                31,
                32, //
                23,
                24,
                33,
                34, //
                41,
                42,
                51,
                52, //
                43,
                44,
                53,
                54);
    }

    @Test
    void framesOfTwoSizesTakeThatOfTheFirst() {
        M3Image small = M3Image.ofRgb(1, 1, new byte[] {7, 0, 0});
        requireReds(
                new Collage(2, 1).join(List.of(frame(1), small)), 4, 2, 11, 12, 7, 7, 13, 14, 7, 7);
    }

    @Test
    void tooFewFramesAreRepeatedInOrder() {
        List<M3Image> one = List.of(M3Image.ofRgb(1, 1, new byte[] {1, 0, 0}));
        requireReds(Collage.SIX.join(one), 2, 3, 1, 1, 1, 1, 1, 1);
        List<M3Image> four =
                IntStream.range(0, 4)
                        .mapToObj(i -> M3Image.ofRgb(1, 1, new byte[] {(byte) i, 0, 0}))
                        .toList();
        // As numpy.linspace(0, n, 6, endpoint=False) does it.
        requireReds(Collage.SIX.join(four), 2, 3, 0, 0, 1, 2, 2, 3);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> Collage.SIX.join(List.of()))
                .isInstanceOf(M3Exception.class)
                .hasMessage("collage: expected 1 to 6 frames, found 0");
        assertThatThrownBy(() -> Collage.SIX.join(Collections.nCopies(7, frame(1))))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found 7");
        assertThatThrownBy(() -> new Collage(0, 3)).hasMessageContaining("found 0×3");
    }

    /** 500 × 500 of them have room for 100 pixels each. */
    private static final Collage MANY = new Collage(500, 500);

    @Test
    void framesForWhichThereIsNoRoomAreMadeSmaller() {
        M3Image large = noise(40, 20);
        Resolution cell = MANY.cell(40, 20);
        assertThat(cell).isEqualTo(new Resolution(14, 7));
        M3Image expected = PillowResize.resize(large, 14, 7, ResampleFilter.BICUBIC);
        M3Image joined = MANY.join(List.of(large));
        assertThat(joined.width()).isEqualTo(500 * 14);
        byte[] rgb = joined.rgb();
        byte[] line = Arrays.copyOf(expected.rgb(), 3 * 14);
        assertThat(Arrays.copyOf(rgb, line.length)).isEqualTo(line);
        assertThat(Arrays.copyOfRange(rgb, line.length, 2 * line.length)).isEqualTo(line);
        // A side that no picture has.
        M3Image wide = M3Image.ofRgb(40_000, 1, new byte[120_000]);
        M3Image six = Collage.SIX.join(List.of(wide));
        assertThat(List.of(six.width(), six.height())).containsExactly(65_534, 3);
    }

    private static M3Image noise(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        new Random(width).nextBytes(rgb);
        return M3Image.ofRgb(width, height, rgb);
    }

    @Property(tries = 500)
    void everyFrameHasACellOfItsShapeThatFits(
            @ForAll @IntRange(min = 1, max = 65_535) int width,
            @ForAll @IntRange(min = 1, max = 65_535) int height,
            @ForAll @IntRange(min = 1, max = 1000) int columns,
            @ForAll @IntRange(min = 1, max = 1000) int rows) {
        Collage collage = new Collage(columns, rows);
        Resolution cell = collage.cell(width, height);
        assertThat(cell.width()).isBetween(1, width);
        assertThat(cell.height()).isBetween(1, height);
        assertThat((long) cell.width() * cell.height() * columns * rows)
                .isLessThanOrEqualTo(Collage.MOST_PIXELS);
        assertThat(cell.width() * columns).isLessThanOrEqualTo(M3Image.LONGEST_SIDE);
        assertThat(cell.height() * rows).isLessThanOrEqualTo(M3Image.LONGEST_SIDE);
        // What was made smaller once stays as it is.
        assertThat(collage.cell(cell.width(), cell.height())).isEqualTo(cell);
        if (cell.width() > 20 && cell.height() > 20) {
            assertThat((double) cell.width() / cell.height())
                    .isCloseTo((double) width / height, Percentage.withPercentage(6));
        }
    }

    /** Those of usual videos are taken as they are. */
    @Test
    void framesOfFourMillionPixelsAreNotTouched() {
        assertThat(Collage.SIX.cell(2560, 1440)).isEqualTo(new Resolution(2560, 1440));
        assertThat(Collage.SIX.cell(3840, 2160)).isEqualTo(new Resolution(2730, 1536));
    }

    /** Of a video of unknown length many frames are held: none of them larger than its cell. */
    @Test
    void framesAreMadeSmallerBeforeTheyAreHeld() {
        List<Frame> drawn =
                IntStream.range(0, 40)
                        .mapToObj(i -> new Frame(Duration.ofSeconds(i), noise(40 + i, 20)))
                        .toList();
        VideoFrames video = new ReducedFrames(VideoFrames.ofFrames(drawn.iterator()), MANY::cell);
        for (Frame frame : new Sampling.Uniform(10).frames(video)) {
            M3Image picture = frame.picture();
            assertThat(picture.width() * picture.height()).isBetween(80, 100);
            int number = (int) frame.time().toSeconds();
            assertThat(picture)
                    .isEqualTo(
                            ReducedFrames.sized(
                                    noise(40 + number, 20), MANY.cell(40 + number, 20)));
        }
    }

    @Test
    void aVideoBecomesWhatItsFramesJoinedAre() {
        List<Frame> twelve =
                IntStream.range(0, 12)
                        .mapToObj(i -> new Frame(Duration.ofSeconds(i), frame(i)))
                        .toList();
        Frame collage = Collage.SIX.of(VideoFrames.ofFrames(twelve.iterator()));
        List<M3Image> odd = IntStream.range(0, 6).mapToObj(i -> frame(2 * i + 1)).toList();
        assertThat(collage).isEqualTo(new Frame(Duration.ofSeconds(1), Collage.SIX.join(odd)));
    }
}
