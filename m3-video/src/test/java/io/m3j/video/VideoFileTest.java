package io.m3j.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import io.m3j.vision.ImageReading.Orientation;
import io.m3j.vision.M3Image;
import io.m3j.vision.video.Frame;
import io.m3j.vision.video.Sampling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames of files that are encoded here. */
class VideoFileTest {

    @TempDir private Path folder;

    private static List<Integer> numbers(List<Frame> frames) {
        return frames.stream().map(frame -> TestVideo.number(frame.picture().rgb())).toList();
    }

    private static List<Integer> upTo(int end) {
        return IntStream.range(0, end).boxed().toList();
    }

    private static List<Frame> all(Path file) {
        try (VideoFile video = VideoFile.open(file)) {
            List<Frame> frames = new ArrayList<>();
            while (video.advance()) {
                frames.add(video.frame());
            }
            return frames;
        }
    }

    @ParameterizedTest
    @CsvSource({
        "a.mp4, libopenh264",
        "b.mp4, mpeg4",
        "c.mkv, libvpx",
        "d.webm, libvpx-vp9",
        "e.avi, mjpeg",
        "f.mov, mpeg4",
        "g.mpg, mpeg2video",
        "h.mkv, ffv1",
        "i.mp4, libsvtav1",
        "j.ts, mpeg2video",
        "k.wmv, wmv2",
        "l.gif, gif",
    })
    void everyFrameComesAtItsTime(String name, String codec) {
        Path file = TestVideo.of(codec).write(folder.resolve(name));
        List<Frame> frames = all(file);
        assertThat(numbers(frames)).isEqualTo(upTo(50));
        for (int i = 0; i < 50; i++) {
            // Matroska and FLV count in milliseconds, GIF in hundredths of seconds.
            assertThat(frames.get(i).time().toNanos() / 1e9)
                    .isBetween(i / 25.0 - 1e-3, i / 25.0 + 1e-3);
        }
        assertThat(frames.get(0).picture().width()).isEqualTo(TestVideo.WIDTH);
    }

    @Test
    void theLengthIsThatOfThePicturesNotOfTheSoundBesideThem() {
        Path loud = TestVideo.of("mpeg4").sound(9).write(folder.resolve("a.mov"));
        try (VideoFile video = VideoFile.open(loud)) {
            assertThat(video.length()).contains(Duration.ofSeconds(2));
            assertThat(numbers(new Sampling.Uniform(5).frames(video)))
                    .containsExactly(5, 15, 25, 35, 45);
        }
    }

    /**
     * Far apart they are reached by jumps, and must be the same. The file is gone by then: what was read from its
     * beginning again would fail.
     */
    @ParameterizedTest
    @CsvSource({
        "a.mp4, libopenh264, 0",
        "b.mp4, mpeg4, 2",
        "c.mkv, libvpx, 0",
        "d.avi, mpeg4, 2",
        "e.ts, mpeg2video, 0",
        "f.ts, mpeg2video, 2",
        "g.ts, libopenh264, 0",
        "h.m2v, mpeg2video, 2",
        "i.ogg, libvpx, 0",
        "j.wmv, wmv2, 0",
        "k.flv, flv, 0",
        "l.gif, gif, 0",
    })
    void jumpsLeadToTheFramesThatReadingOnLeadsTo(String name, String codec, int lookingAhead)
            throws IOException {
        byte[] bytes =
                Files.readAllBytes(
                        TestVideo.of(codec)
                                .frames(1000, 25)
                                .keyEvery(70)
                                .lookingAhead(lookingAhead)
                                .write(folder.resolve(name)));
        for (int frame = 400; frame < 475; frame += 3) {
            Path file = Files.write(folder.resolve("gone-" + name), bytes);
            try (VideoFile video = VideoFile.open(file)) {
                video.advance();
                Files.delete(file);
                for (int wanted : new int[] {frame, frame + 500}) {
                    video.moveTo(Duration.ofMillis(wanted * 40 + 5));
                    assertThat(TestVideo.number(video.picture().rgb())).isEqualTo(wanted);
                    assertThat(video.time().toMillis())
                            .isBetween(wanted * 40L - 1, wanted * 40L + 1);
                }
            }
        }
    }

    /** A program stream has times of some frames only: behind a jump those of others would be guessed. */
    @ParameterizedTest
    @CsvSource({"a.mpg, mpeg2video", "b.mpg, mpeg1video"})
    void whereTimesAreGuessedFramesAreReachedByReadingOn(String name, String codec) {
        Path file = TestVideo.of(codec).frames(1000, 25).keyEvery(70).write(folder.resolve(name));
        for (int frame = 400; frame < 700; frame += 8) {
            try (VideoFile video = VideoFile.open(file)) {
                video.advance();
                video.moveTo(Duration.ofMillis(frame * 40 + 5));
                assertThat(TestVideo.number(video.picture().rgb())).isEqualTo(frame);
            }
        }
    }

    /** Slides of half a minute: to go to a moment within one is no reason to read all of the file again. */
    @Test
    void aFrameThatIsStillShownIsStayedOn() throws IOException {
        Path file =
                TestVideo.of("ffv1").frames(4, 1).at(i -> 30L * i).write(folder.resolve("a.mkv"));
        try (VideoFile video = VideoFile.open(file)) {
            video.advance();
            Files.delete(file);
            for (int second : new int[] {15, 29, 45, 75, 95, 200}) {
                video.moveTo(Duration.ofSeconds(second));
                assertThat(TestVideo.number(video.picture().rgb()))
                        .isEqualTo(Math.min(3, second / 30));
            }
        }
    }

    @Test
    void framesThatComeAtNoSteadyRateKeepTheirTimes() {
        Path file =
                TestVideo.of("ffv1")
                        .frames(10, 10)
                        .at(i -> i < 5 ? i : i + 10)
                        .write(folder.resolve("a.mkv"));
        List<Frame> frames = all(file);
        assertThat(numbers(frames)).isEqualTo(upTo(10));
        assertThat(frames)
                .extracting(frame -> frame.time().toMillis())
                .containsExactly(0L, 100L, 200L, 300L, 400L, 1500L, 1600L, 1700L, 1800L, 1900L);
        try (VideoFile video = VideoFile.open(file)) {
            // At 1.0 s the frame of 0.4 s is still shown.
            assertThat(numbers(new Sampling.Rate(1).frames(video))).containsExactly(0, 4);
        }
    }

    @Test
    void timesBeginWithTheFirstFrame() {
        Path late =
                TestVideo.of("mpeg2video")
                        .frames(25, 25)
                        .startingAt(3600)
                        .write(folder.resolve("a.ts"));
        assertThat(all(late).get(0).time()).isZero();
        assertThat(all(late).get(9).time()).isEqualTo(Duration.ofMillis(360));
    }

    @Test
    void aFileThatDoesNotSayHowLongItIsIsSampledAllTheSame() {
        Path file = TestVideo.of("libopenh264").frames(60, 25).write(folder.resolve("a.h264"));
        try (VideoFile video = VideoFile.open(file)) {
            assertThat(video.length()).isEmpty();
            assertThat(numbers(new Sampling.Uniform(3).frames(video))).hasSize(3).isSorted();
        }
        assertThat(numbers(all(file))).isEqualTo(upTo(60));
    }

    /** FFmpeg divides the file's size by the bit rate of its header, which need not be the true one. */
    @Test
    void aLengthThatIsOnlyGuessedIsNone() {
        Path file = TestVideo.of("mpeg1video").frames(60, 25).write(folder.resolve("a.m1v"));
        try (VideoFile video = VideoFile.open(file)) {
            assertThat(video.length()).isEmpty();
            assertThat(numbers(new Sampling.Uniform(3).frames(video))).hasSize(3).isSorted();
        }
        assertThat(numbers(all(file))).isEqualTo(upTo(60));
    }

    @ParameterizedTest
    @CsvSource({"0", "90", "180", "270"})
    void picturesAreTurnedAsTheCameraWasHeld(int degrees) {
        Path turned =
                TestVideo.of("mpeg4").frames(2, 1).turned(degrees).write(folder.resolve("a.mp4"));
        M3Image shown = all(turned).get(1).picture();
        // Frame 1 has its upper left cell white.
        int left = shown.width() / 12;
        int top = shown.height() / 12;
        int right = shown.width() - 1 - left;
        int bottom = shown.height() - 1 - top;
        // Degrees are counted against the clock.
        int[] white =
                switch (degrees) {
                    case 0 -> new int[] {left, top};
                    case 90 -> new int[] {left, bottom};
                    case 180 -> new int[] {right, bottom};
                    default -> new int[] {right, top};
                };
        for (int[] corner :
                new int[][] {{left, top}, {left, bottom}, {right, bottom}, {right, top}}) {
            int red = shown.rgb()[3 * (corner[1] * shown.width() + corner[0])] & 0xff;
            boolean isWhite = corner[0] == white[0] && corner[1] == white[1];
            assertThat(red > 127).as(corner[0] + "," + corner[1]).isEqualTo(isWhite);
        }
        assertThat(shown.width()).isEqualTo(degrees % 180 == 0 ? 64 : 48);
        try (VideoFile video =
                VideoFile.open(
                        turned, ImageReading.defaults().withOrientation(Orientation.IGNORE))) {
            video.advance();
            assertThat(video.picture().width()).isEqualTo(64);
        }
    }

    @Test
    void coloursAndShapesOfPixelsComeOutRight() {
        byte[] red = new byte[3 * TestVideo.WIDTH * TestVideo.HEIGHT];
        for (int i = 0; i < red.length; i++) {
            red[i] = (byte) new int[] {0xC8, 0x32, 0x14}[i % 3];
        }
        Path file =
                TestVideo.of("mpeg4")
                        .frames(5, 5)
                        .stretched(2)
                        .pictures(i -> red)
                        .write(folder.resolve("a.mp4"));
        M3Image picture = all(file).get(2).picture();
        assertThat(picture.width()).isEqualTo(128);
        assertThat(picture.height()).isEqualTo(48);
        int[] expected = {0xC8, 0x32, 0x14};
        for (int i = 0; i < 3; i++) {
            assertThat(picture.rgb()[3 * 3000 + i] & 0xff)
                    .isBetween(expected[i] - 4, expected[i] + 4);
        }
    }

    @Test
    void whatIsNoVideoIsRefusedByName() throws IOException {
        Path text = Files.writeString(folder.resolve("a.mp4"), "no video\n".repeat(500));
        Path empty = Files.writeString(folder.resolve("b.mp4"), "");
        Path sound = TestVideo.of("none").frames(0, 1).sound(1).write(folder.resolve("c.mov"));
        assertThatThrownBy(() -> VideoFile.open(text))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("video " + text + ": a video file expected (MP4");
        assertThatThrownBy(() -> VideoFile.open(empty))
                .hasMessageContaining("a video file expected");
        assertThatThrownBy(() -> VideoFile.open(sound))
                .hasMessageContaining("found 1 streams and none");
        assertThatThrownBy(() -> VideoFile.open(folder)).hasMessageContaining("found a folder");
        Path none = folder.resolve("none.mp4");
        assertThatThrownBy(() -> VideoFile.open(none))
                .hasMessage("video " + none + ": no such file");
        Path video = TestVideo.of("mpeg4").write(folder.resolve("d.mp4"));
        assertThatThrownBy(() -> VideoFile.open(video, ImageReading.defaults().withMaxPixels(3071)))
                .hasMessageContaining("at most 3071 pixels expected, found 64×48; raise");
        Path odd = TestVideo.of("cinepak").frames(5, 5).write(folder.resolve("e.avi"));
        assertThatThrownBy(() -> VideoFile.open(odd)).hasMessageContaining("coded as cinepak");
    }

    /** A file that was sent by somebody must not read another one, nor the network. */
    @Test
    void playlistsAreNotFollowed() throws IOException {
        Path video = TestVideo.of("mpeg2video").write(folder.resolve("a.ts"));
        Path playlist = folder.resolve("b.mp4");
        Files.writeString(
                playlist,
                "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n" + video + "\n#EXT-X-ENDLIST\n",
                StandardCharsets.UTF_8);
        assertThatThrownBy(() -> VideoFile.open(playlist)).isInstanceOf(M3Exception.class);
        Path script = folder.resolve("c.mp4");
        Files.writeString(script, "ffconcat version 1.0\nfile '" + video + "'\n");
        assertThatThrownBy(() -> VideoFile.open(script)).isInstanceOf(M3Exception.class);
    }

    @Test
    void namesOfAnyKindAreNamesOfFiles() {
        Path file = folder.resolve("http:日本 %d.mp4");
        TestVideo.of("mpeg4").frames(3, 5).write(folder.resolve("b.mp4"));
        assertThat(folder.resolve("b.mp4").toFile().renameTo(file.toFile())).isTrue();
        assertThat(numbers(all(file))).containsExactly(0, 1, 2);
    }

    @Test
    void useAfterCloseIsRefused() {
        VideoFile video = VideoFile.open(TestVideo.of("mpeg4").write(folder.resolve("a.mp4")));
        assertThatThrownBy(video::picture).isInstanceOf(IllegalStateException.class);
        video.close();
        video.close();
        assertThatThrownBy(video::advance).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(video::length).isInstanceOf(IllegalStateException.class);
    }
}
