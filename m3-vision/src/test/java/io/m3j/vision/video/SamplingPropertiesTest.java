package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Which frames are taken, whatever the video. */
class SamplingPropertiesTest {

    @Property
    void evenlySpreadFramesAreThoseOfTheMiddlesOfTheirStretches(
            @ForAll @IntRange(min = 1, max = 40) int wanted,
            @ForAll @IntRange(min = 1, max = 2000) int frames,
            @ForAll @DoubleRange(min = 0.1, max = 60) double rate) {
        List<Integer> taken = taken(new Sampling.Uniform(wanted), frames, rate, true);
        List<Integer> middles = new ArrayList<>();
        for (long i = 0; i < wanted; i++) {
            int middle = (int) ((2 * i + 1) * frames / (2L * wanted));
            if (!middles.contains(middle)) {
                middles.add(middle);
            }
        }
        // A middle that is the very moment at which a frame begins may round to the one before it.
        assertThat(taken).hasSize(middles.size());
        for (int i = 0; i < taken.size(); i++) {
            assertThat(taken.get(i)).isBetween(middles.get(i) - 1, middles.get(i));
        }
        assertThat(taken).doesNotHaveDuplicates().isSorted();
    }

    @Property
    void ofUnknownLengthFramesLieWithinHalfAStretchOfTheirPlaces(
            @ForAll @IntRange(min = 1, max = 40) int wanted,
            @ForAll @IntRange(min = 1, max = 5000) int frames) {
        List<Integer> taken = taken(new Sampling.Uniform(wanted), frames, 1, false);
        assertThat(taken).hasSize(Math.min(wanted, frames)).doesNotHaveDuplicates().isSorted();
        if (frames < wanted) {
            return;
        }
        double stretch = (double) frames / wanted;
        for (int i = 0; i < wanted; i++) {
            double place = (i + 0.5) * stretch;
            assertThat(Math.abs(taken.get(i) + 0.5 - place)).isLessThanOrEqualTo(stretch / 2 + 1);
        }
    }

    @Property
    void thinnedFramesAreNeverMoreThanThereIsRoomForAndEvenlySpread(
            @ForAll @IntRange(min = 2, max = 50) int room,
            @ForAll @IntRange(min = 1, max = 3000) int frames) {
        Thinned thinned = new Thinned(room);
        int[] read = {0};
        for (int i = 0; i < frames; i++) {
            Frame frame = new Frame(Duration.ofSeconds(i), M3Image.ofRgb(1, 1, new byte[3]));
            thinned.offer(
                    () -> {
                        read[0]++;
                        return frame;
                    });
            assertThat(thinned.size()).isLessThanOrEqualTo(room);
        }
        List<Frame> held = thinned.spread(room);
        assertThat(held.size()).isGreaterThanOrEqualTo(Math.min(frames, room / 2));
        long every = held.size() < 2 ? 1 : held.get(1).time().getSeconds();
        for (int i = 0; i < held.size(); i++) {
            assertThat(held.get(i).time().getSeconds()).isEqualTo(i * every);
        }
        assertThat(frames - held.get(held.size() - 1).time().getSeconds())
                .isLessThanOrEqualTo(every);
        assertThat(read[0])
                .isLessThanOrEqualTo(room * (2 + (int) (Math.log(frames) / Math.log(2))));
    }

    @Property
    void atARateFramesAreThoseShownAtItsMoments(
            @ForAll @DoubleRange(min = 0.2, max = 40) double rate,
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = 5, max = 4000) Integer> gaps) {
        List<Duration> times = new ArrayList<>();
        Duration time = Duration.ZERO;
        for (int gap : gaps) {
            times.add(time);
            // Not a whole number of milliseconds: at a tie rounding would decide.
            time = time.plusMillis(gap).plusNanos(137);
        }
        DrawnVideo video = new DrawnVideo(times, Optional.empty());
        List<Integer> taken =
                new Sampling.Rate(rate).frames(video).stream().map(DrawnVideo::number).toList();
        // By trying every moment up to the last frame for the frame shown then.
        List<Integer> expected = new ArrayList<>();
        double end = milliseconds(times.get(times.size() - 1)) + 1;
        for (int i = 0; i / rate * 1000 <= end; i++) {
            double moment = i / rate * 1000 + 1; // the tolerance
            int shown = 0;
            while (shown + 1 < times.size() && milliseconds(times.get(shown + 1)) <= moment) {
                shown++;
            }
            if (expected.isEmpty() || expected.get(expected.size() - 1) != shown) {
                expected.add(shown);
            }
        }
        assertThat(taken).isEqualTo(expected);
        assertThat(video.pictured).isEqualTo(taken);
    }

    private static double milliseconds(Duration time) {
        return time.toNanos() / 1e6;
    }

    /** Thirds of seconds are no whole nanoseconds, nor the milliseconds of some files. */
    @Test
    void theVideosOwnRateTakesEveryFrame() {
        assertThat(taken(new Sampling.Rate(3), 900, 3, true)).hasSize(900);
        assertThat(taken(new Sampling.Rate(29.97), 900, 29.97, false)).hasSize(900);
        List<Duration> milliseconds = new ArrayList<>();
        for (int i = 0; i < 900; i++) {
            milliseconds.add(Duration.ofMillis(Math.round(i * 1000 / 29.97)));
        }
        DrawnVideo rounded = new DrawnVideo(milliseconds, Optional.empty());
        assertThat(new Sampling.Rate(29.97).frames(rounded)).hasSize(900);
        assertThat(taken(new Sampling.Rate(1), 300, 30, true)).isEqualTo(every(30, 300));
    }

    /** Doubles of a hundred days are coarser than a nanosecond. */
    @Test
    void samplingAtARateEndsHoweverLateFramesAre() {
        for (long day : new long[] {0, 100, 20_000, 200_000}) {
            List<Duration> times = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                times.add(Duration.ofDays(day).plusMillis(i));
            }
            List<Integer> taken = new ArrayList<>();
            new Sampling.Rate(1000)
                    .sample(
                            new DrawnVideo(times, Optional.empty()),
                            frame -> {
                                taken.add(DrawnVideo.number(frame));
                                assertThat(taken).hasSizeLessThanOrEqualTo(100);
                            });
            assertThat(taken).doesNotHaveDuplicates().isSorted();
        }
    }

    private static List<Integer> every(int step, int end) {
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < end; i += step) {
            numbers.add(i);
        }
        return numbers;
    }

    @Test
    void ofAVideoOfKnownLengthNothingIsHeldAndNothingElseIsRead() {
        for (Sampling sampling : List.of(new Sampling.Uniform(12), new Sampling.Rate(0.01))) {
            DrawnVideo video = DrawnVideo.steady(3600, 1, true);
            int[] handedOn = {0};
            sampling.sample(
                    video,
                    frame -> assertThat(video.pictured).as("read so far").hasSize(++handedOn[0]));
            assertThat(handedOn[0]).isGreaterThan(10);
        }
    }

    @Test
    void aSlideThatStaysIsTheFrameOfAllMomentsUntilTheNext() {
        List<Duration> slides =
                List.of(Duration.ZERO, Duration.ofSeconds(50), Duration.ofSeconds(59));
        DrawnVideo video = new DrawnVideo(slides, Optional.of(Duration.ofSeconds(60)));
        List<Frame> frames = new Sampling.Uniform(6).frames(video);
        assertThat(frames).extracting(DrawnVideo::number).containsExactly(0, 1);
        assertThat(frames.get(1).time()).isEqualTo(Duration.ofSeconds(50));
    }

    private static M3Image grey(int... levels) {
        byte[] rgb = new byte[3 * levels.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) levels[i / 3];
        }
        return M3Image.ofRgb(levels.length, 1, rgb);
    }

    private static M3Image filled(int level) {
        byte[] rgb = new byte[3 * 256];
        Arrays.fill(rgb, (byte) level);
        return M3Image.ofRgb(16, 16, rgb);
    }

    /** Shots of one grey each: the deeper the cut, the sooner it is taken. */
    private static VideoFrames shots(int secondsEach, int... greys) {
        List<Frame> frames = new ArrayList<>();
        for (int i = 0; i < greys.length * secondsEach; i++) {
            // Noise of a level or two, as a camera has.
            int level = greys[i / secondsEach] + i % 2;
            frames.add(new Frame(Duration.ofSeconds(i), filled(level)));
        }
        return VideoFrames.ofFrames(frames.iterator());
    }

    private static List<Long> cuts(Sampling sampling, VideoFrames video) {
        return sampling.frames(video).stream().map(frame -> frame.time().getSeconds()).toList();
    }

    @Test
    void scenesBeginWhereThePictureChangesMost() {
        int[] greys = {20, 60, 220, 230, 40};
        assertThat(cuts(Sampling.SceneChanges.of(10), shots(5, greys)))
                .containsExactly(0L, 5L, 10L, 15L, 20L);
        assertThat(cuts(Sampling.SceneChanges.of(3), shots(5, greys)))
                .containsExactly(0L, 10L, 20L);
        assertThat(cuts(Sampling.SceneChanges.of(1), shots(5, greys))).containsExactly(0L);
        assertThat(cuts(new Sampling.SceneChanges(9, 0.8), shots(5, greys)))
                .containsExactly(0L, 10L, 20L);
        assertThat(cuts(Sampling.SceneChanges.of(9), shots(5, 50, 50, 50))).containsExactly(0L);
    }

    /** Four seconds of one picture with noise, a small thing in a corner for two, the picture again. */
    @Test
    void whatStandsStillIsTakenOnceAndWhatAppearsInACornerIsNotMissed() {
        List<Frame> frames = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            byte[] rgb = new byte[3 * 160 * 160];
            Arrays.fill(rgb, (byte) (100 + i % 2 * 3)); // less than five levels
            if (i == 4 || i == 5) {
                Arrays.fill(rgb, 3 * 152, 3 * 158, (byte) 255);
                Arrays.fill(rgb, 3 * 312, 3 * 318, (byte) 255);
            }
            frames.add(new Frame(Duration.ofSeconds(i), M3Image.ofRgb(160, 160, rgb)));
        }
        Sampling every = new Sampling.Rate(1);
        assertThat(cuts(Sampling.Changed.of(every), VideoFrames.ofFrames(frames.iterator())))
                .containsExactly(0L, 4L, 6L);
        assertThat(cuts(new Sampling.Changed(every, 0), VideoFrames.ofFrames(frames.iterator())))
                .hasSize(10);
        assertThatThrownBy(() -> new Sampling.Changed(every, 2)).hasMessageContaining("found 2.0");
    }

    /** Neither measure alone would do: one does not see what moved, the other not how bright it is. */
    @Test
    void whatMovedAndWhatGotDarkerBothCountHalf() {
        SceneDifference left = SceneDifference.of(grey(255, 255, 0, 0));
        SceneDifference right = SceneDifference.of(grey(0, 0, 255, 255));
        assertThat(left.from(left)).isZero();
        // 4 of 16 columns are looked at, all in the uppermost row of the thumbnail.
        assertThat(left.from(right)).isEqualTo((0 + 4 / 256.0) / 2);
        double most = SceneDifference.of(filled(0)).from(SceneDifference.of(filled(255)));
        assertThat(most).isBetween(1 - 1e-9, 1.0);
    }

    @Property
    void theBestAreThoseOfASortAndTheRestIsGivenBack(
            @ForAll @IntRange(min = 1, max = 12) int most,
            @ForAll @Size(max = 60) List<@IntRange(min = 0, max = 9) Integer> scores) {
        Best<Integer> best = new Best<>(most);
        List<Integer> givenBack = new ArrayList<>();
        for (int i = 0; i < scores.size(); i++) {
            best.offer(i, scores.get(i)).ifPresent(givenBack::add);
            assertThat(best.size()).isLessThanOrEqualTo(most);
        }
        List<Integer> sorted = new ArrayList<>();
        for (int i = 0; i < scores.size(); i++) {
            sorted.add(i);
        }
        sorted.sort((a, b) -> scores.get(b) - scores.get(a)); // stable: the earlier first
        List<Integer> expected = sorted.subList(0, Math.min(most, sorted.size()));
        assertThat(best.inOrder()).containsExactlyInAnyOrderElementsOf(expected).isSorted();
        givenBack.addAll(best.inOrder());
        assertThat(givenBack).containsExactlyInAnyOrderElementsOf(sorted);
    }

    @Test
    void whatIsNotANumberIsTheWorst() {
        Best<String> best = new Best<>(1);
        best.offer("bad", Double.NaN);
        assertThat(best.offer("poor", -1e300)).contains("bad");
    }

    @Test
    void aVideoWithoutFramesAndNumbersOutOfRangeAreRefused() {
        for (Sampling sampling :
                List.of(
                        new Sampling.Uniform(6),
                        new Sampling.Rate(1),
                        Sampling.SceneChanges.of(6))) {
            assertThatThrownBy(() -> sampling.frames(DrawnVideo.steady(0, 1, false)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessage("drawn video: expected at least one frame, found none");
        }
        for (int frames : new int[] {-1, 0, 100_001, 1 << 30, Integer.MAX_VALUE}) {
            String message = "sampling: expected 1 to 100000 frames, found " + frames;
            assertThatThrownBy(() -> new Sampling.Uniform(frames)).hasMessage(message);
            assertThatThrownBy(() -> Sampling.SceneChanges.of(frames)).hasMessage(message);
        }
        assertThat(taken(new Sampling.Uniform(100_000), 3, 1, false)).containsExactly(0, 1, 2);
        assertThatThrownBy(() -> new Sampling.Rate(0)).hasMessageContaining("found 0.0");
        assertThatThrownBy(() -> new Sampling.Rate(Double.NaN)).hasMessageContaining("found NaN");
        assertThatThrownBy(() -> new Sampling.SceneChanges(2, 1.5)).hasMessageContaining("0 to 1");
    }

    private static List<Integer> taken(
            Sampling sampling, int frames, double rate, boolean knowsItsLength) {
        DrawnVideo video = DrawnVideo.steady(frames, rate, knowsItsLength);
        return sampling.frames(video).stream().map(DrawnVideo::number).toList();
    }
}
