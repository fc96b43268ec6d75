package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is held of frames that a sampling cannot hand on at once. */
class ReducedFramesTest {

    private static final int SIDE = 400;

    /** Dark, light, dark. */
    private static VideoFrames three() {
        Iterator<Frame> frames =
                IntStream.range(0, 3)
                        .mapToObj(
                                i -> {
                                    byte[] rgb = new byte[3 * SIDE * SIDE];
                                    Arrays.fill(rgb, (byte) (i == 1 ? 200 : 20));
                                    return new Frame(
                                            Duration.ofSeconds(i), M3Image.ofRgb(SIDE, SIDE, rgb));
                                })
                        .iterator();
        return VideoFrames.ofFrames(frames);
    }

    private static List<Integer> widths(Sampling sampling) {
        return sampling.frames(three()).stream().map(frame -> frame.picture().width()).toList();
    }

    /** A side of 362 is the largest of 2¹⁷ pixels. */
    @Test
    void theMoreFramesMayBeHeldTheSmallerEachIs() {
        assertThat(widths(new Sampling.Uniform(3))).containsExactly(SIDE, SIDE, SIDE);
        assertThat(widths(Sampling.SceneChanges.of(3))).containsExactly(SIDE, SIDE, SIDE);
        assertThat(widths(new Sampling.Uniform(1000))).containsExactly(362, 362, 362);
        assertThat(widths(Sampling.SceneChanges.of(1000))).containsExactly(362, 362, 362);
    }

    @Test
    void whatIsHandedOnAtOnceIsNotTouched() {
        assertThat(widths(new Sampling.Rate(1))).containsExactly(SIDE, SIDE, SIDE);
    }
}
