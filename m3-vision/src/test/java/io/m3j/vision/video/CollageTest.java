package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
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
        M3Image wide = M3Image.ofRgb(40_000, 1, new byte[120_000]);
        assertThatThrownBy(() -> Collage.SIX.join(List.of(wide)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("frames of 40000×1 pixels are more than a picture may have");
        assertThatThrownBy(() -> new Collage(0, 3)).hasMessageContaining("found 0×3");
    }
}
