package io.m3j.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.video.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Damaged files: an exception that names them or what can be read of them, and never more. */
class UntrustedVideosTest {

    private static final int FLIPPED = 60;

    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({
        "a.mp4, libopenh264, ",
        "b.mp4, mpeg4, +faststart",
        "c.mkv, libvpx, ",
        "d.avi, mjpeg, ",
        "e.ts, mpeg2video, ",
        "f.webm, libvpx-vp9, ",
        "g.gif, gif, ",
    })
    void cutsAndFlippedBytesEndInFramesOrAnException(String name, String codec, String flags)
            throws IOException {
        byte[] whole = Files.readAllBytes(write(name, codec, flags));
        long seed = System.nanoTime();
        System.out.println("seed of " + name + ": " + seed);
        Random random = new Random(seed);
        for (int cut = 0; cut < whole.length; cut += Math.max(1, whole.length / 40)) {
            read(name, Arrays.copyOf(whole, cut));
        }
        for (int i = 0; i < FLIPPED; i++) {
            byte[] flipped = whole.clone();
            // Half of them in the beginning, where sizes and counts stand.
            int reach = i % 2 == 0 ? Math.min(600, whole.length) : whole.length;
            for (int k = 0; k < 1 + random.nextInt(6); k++) {
                flipped[random.nextInt(reach)] ^= (byte) (1 << random.nextInt(8));
            }
            read(name, flipped);
        }
    }

    /** Half a minute, so that frames are jumped to; half of a file behind its index, which then leads nowhere. */
    @ParameterizedTest
    @CsvSource({
        "a.mp4, mpeg4, +faststart",
        "b.avi, mjpeg, ",
        "c.mkv, libvpx, ",
        "d.ts, mpeg2video, "
    })
    void jumpsInDamagedFilesEndInFramesOrAnException(String name, String codec, String flags)
            throws IOException {
        TestVideo video = TestVideo.of(codec).frames(900, 25).movflags(flags == null ? "" : flags);
        byte[] whole = Files.readAllBytes(video.write(folder.resolve(name)));
        long seed = System.nanoTime();
        System.out.println("seed of " + name + ": " + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 10; i++) {
            byte[] flipped = whole.clone();
            for (int k = 0; k < 1 + random.nextInt(6); k++) {
                flipped[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
            }
            read(name, i % 2 == 0 ? flipped : Arrays.copyOf(whole, whole.length * i / 10));
        }
    }

    /** Whatever it is, it ends, and what fails is an M3Exception that names the file. */
    private void read(String name, byte[] bytes) throws IOException {
        Path file = Files.write(folder.resolve("damaged-" + name), bytes);
        for (Sampling sampling : new Sampling[] {new Sampling.Rate(100), new Sampling.Uniform(2)}) {
            try (VideoFile video = VideoFile.open(file)) {
                sampling.sample(video, frame -> assertThat(frame.picture().width()).isPositive());
            } catch (M3Exception e) {
                assertThat(e).hasMessageContaining(file.toString());
            }
        }
    }

    private Path write(String name, String codec, String flags) {
        return TestVideo.of(codec)
                .frames(30, 25)
                .movflags(flags == null ? "" : flags)
                .write(folder.resolve(name));
    }

    /** FFmpeg reads on to the cut and calls that the end. */
    @ParameterizedTest
    @CsvSource({
        "a.mp4, mpeg4, +faststart",
        "b.mkv, ffv1, ",
        "c.avi, mjpeg, ",
        "d.webm, libvpx, ",
        "e.gif, gif, ",
    })
    void aFileThatWasCutInTheMiddleSaysSo(String name, String codec, String flags)
            throws IOException {
        byte[] whole = Files.readAllBytes(write(name, codec, flags));
        Path half =
                Files.write(folder.resolve("half-" + name), Arrays.copyOf(whole, whole.length / 2));
        assertThatThrownBy(
                        () -> {
                            try (VideoFile video = VideoFile.open(half)) {
                                new Sampling.Uniform(6).sample(video, frame -> {});
                            }
                        })
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(half.toString())
                .hasMessageContaining("cut short");
    }

    /** Its header says no length, and FFmpeg would take any part of it for all there is. */
    @Test
    void aGifIsRefusedWhereverItWasCut() throws IOException {
        byte[] whole = Files.readAllBytes(write("a.gif", "gif", null));
        for (int cut = 1; cut < whole.length; cut += 1 + whole.length / 97) {
            Path file =
                    Files.write(
                            folder.resolve("cut.gif"), Arrays.copyOf(whole, whole.length - cut));
            assertThatThrownBy(() -> VideoFile.open(file).close())
                    .as("%s bytes less", cut)
                    .isInstanceOf(M3Exception.class)
                    .hasMessageStartingWith("video " + file + ": ")
                    .hasMessageContaining("cut short");
        }
        // What somebody appended does no harm.
        byte[] more = Arrays.copyOf(whole, whole.length + 10);
        try (VideoFile video = VideoFile.open(Files.write(folder.resolve("more.gif"), more))) {
            assertThat(new Sampling.Uniform(6).frames(video)).hasSize(6);
        }
    }

    /** Its end is cut off, so that a jump there leads nowhere and it is opened anew: but it is not there. */
    @Test
    void aFileThatGoesAwayWhileItIsReadLeavesNoFreedDecoderBehind() throws IOException {
        TestVideo whole = TestVideo.of("mpeg4").frames(900, 25).movflags("+faststart");
        byte[] bytes = Files.readAllBytes(whole.write(folder.resolve("a.mp4")));
        Path half = folder.resolve("half.mp4");
        Files.write(half, Arrays.copyOf(bytes, bytes.length / 2));
        try (VideoFile video = VideoFile.open(half)) {
            assertThat(video.advance()).isTrue();
            Files.delete(half);
            assertThatThrownBy(() -> video.moveTo(Duration.ofSeconds(30)))
                    .isInstanceOf(M3Exception.class);
            try {
                video.advance();
            } catch (M3Exception e) {
                assertThat(e).hasMessageContaining(half.toString());
            }
        }
    }
}
