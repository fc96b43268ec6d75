package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where frames come from. */
class VideoFramesTest {

    @TempDir private Path folder;

    private static BufferedImage picture(int blue) {
        BufferedImage picture = new BufferedImage(4, 2, BufferedImage.TYPE_INT_RGB);
        picture.setRGB(0, 0, blue);
        return picture;
    }

    private static int blue(M3Image picture) {
        return picture.rgb()[2];
    }

    /** As a camera's driver does it: one image, drawn anew for each frame. */
    private static Iterator<BufferedImage> reused(int frames) {
        BufferedImage one = picture(0);
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < frames;
            }

            @Override
            public BufferedImage next() {
                one.setRGB(0, 0, next++);
                return one;
            }
        };
    }

    @Test
    void anIteratorMayDrawAllFramesIntoOneImage() {
        try (VideoFrames video = VideoFrames.of(reused(5), 2)) {
            List<Frame> frames = new Sampling.Rate(2).frames(video);
            assertThat(frames)
                    .extracting(frame -> blue(frame.picture()))
                    .containsExactly(0, 1, 2, 3, 4);
            assertThat(frames)
                    .extracting(frame -> frame.time().toMillis())
                    .containsExactly(0L, 500L, 1000L, 1500L, 2000L);
            assertThat(video.length()).isEmpty();
        }
        try (VideoFrames video = VideoFrames.of(reused(5), 2, 5)) {
            assertThat(video.length()).contains(Duration.ofMillis(2500));
        }
    }

    /** As a stream's iterator, and many a reader of files, does it: to say whether there is one more, it is drawn. */
    private static Iterator<BufferedImage> drawnWhenAskedForMore(int frames) {
        BufferedImage one = picture(0);
        return IntStream.range(0, frames)
                .mapToObj(
                        number -> {
                            one.setRGB(0, 0, number);
                            return one;
                        })
                .iterator();
    }

    @Test
    void aFrameStaysWhatItWasWhenTheNextIsDrawnOverIt() {
        Sampling[] samplings = {
            new Sampling.Rate(2),
            new Sampling.Rate(0.7),
            new Sampling.Uniform(3),
            new Sampling.SceneChanges(9, 0),
            new Sampling.Changed(new Sampling.Rate(1), 0)
        };
        for (Sampling sampling : samplings) {
            for (boolean isKnown : new boolean[] {false, true}) {
                Iterator<BufferedImage> pictures = drawnWhenAskedForMore(9);
                try (VideoFrames video =
                        isKnown ? VideoFrames.of(pictures, 2, 9) : VideoFrames.of(pictures, 2)) {
                    assertThat(sampling.frames(video))
                            .as(sampling.toString())
                            .hasSizeGreaterThan(2)
                            .allMatch(f -> blue(f.picture()) == f.time().toMillis() / 500);
                }
            }
        }
        try (VideoFrames video = VideoFrames.of(drawnWhenAskedForMore(2), 1)) {
            assertThat(video.nextTime()).contains(Duration.ZERO);
            assertThat(video.advance()).isTrue();
            assertThat(video.nextTime()).contains(Duration.ofSeconds(1));
            assertThat(blue(video.picture())).isZero();
            assertThat(video.advance()).isTrue();
            assertThat(video.nextTime()).isEmpty();
            assertThat(blue(video.picture())).isEqualTo(1);
        }
    }

    @Test
    void framesBeyondTheNumberThatWasGivenAreNotRead() {
        try (VideoFrames video = VideoFrames.of(reused(9), 1, 4)) {
            assertThat(new Sampling.Rate(1).frames(video)).hasSize(4);
            assertThat(video.advance()).isFalse();
        }
        // Fewer than that are no mistake: the number may come from a header.
        try (VideoFrames video = VideoFrames.of(reused(3), 1, 4)) {
            assertThat(new Sampling.Uniform(4).frames(video)).hasSize(3);
        }
    }

    @Test
    void aStreamIsClosedWithItsVideo() {
        List<String> told = new ArrayList<>();
        Stream<BufferedImage> stream =
                IntStream.range(0, 3)
                        .mapToObj(VideoFramesTest::picture)
                        .onClose(() -> told.add("closed"));
        try (VideoFrames video = VideoFrames.of(stream, 1)) {
            assertThat(new Sampling.Uniform(3).frames(video)).hasSize(3);
            assertThat(told).isEmpty();
        }
        assertThat(told).containsExactly("closed");
    }

    @Test
    void aFolderIsReadInTheOrderOfItsNumbers() throws IOException {
        for (int number : new int[] {1, 2, 9, 10, 100}) {
            ImageIO.write(
                    picture(number), "png", folder.resolve("frame-" + number + ".png").toFile());
        }
        Files.writeString(folder.resolve(".hidden"), "no picture");
        Files.createDirectory(folder.resolve("more"));
        try (VideoFrames video = VideoFrames.folder(folder, 10)) {
            assertThat(video.length()).contains(Duration.ofMillis(500));
            List<Frame> frames = new Sampling.Rate(1000).frames(video);
            assertThat(frames)
                    .extracting(frame -> blue(frame.picture()))
                    .containsExactly(1, 2, 9, 10, 100);
        }
        Files.writeString(folder.resolve("frame-11.txt"), "no picture");
        try (VideoFrames video = VideoFrames.folder(folder, 10)) {
            // Nobody asks for that frame.
            assertThat(new Sampling.Uniform(1).frames(video)).hasSize(1);
        }
        try (VideoFrames video = VideoFrames.folder(folder, 10)) {
            assertThatThrownBy(() -> new Sampling.Uniform(6).frames(video))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageStartingWith("folder of frames " + folder + ": image ")
                    .hasMessageContaining(
                            "frame-11.txt: not a picture that can be read (PNG, JPEG, GIF, BMP or WebP"
                                    + " expected)")
                    .hasMessageEndingWith("begin its name with a dot, and it is passed over");
        }
    }

    /** As large as its side is, a frame is read; what would take gigabytes is refused by its header alone. */
    @Test
    void framesWithLongSidesAreReadAndHugeOnesRefused() throws IOException {
        BufferedImage wide = new BufferedImage(20_000, 3, BufferedImage.TYPE_INT_RGB);
        BufferedImage tall = new BufferedImage(3, 20_000, BufferedImage.TYPE_INT_RGB);
        try (VideoFrames video = VideoFrames.of(List.of(wide, tall).iterator(), 1)) {
            Sampling.SceneChanges scenes = new Sampling.SceneChanges(6, 0);
            assertThat(scenes.frames(video))
                    .extracting(frame -> frame.picture().height())
                    .containsExactly(3, 20_000);
        }
        try (VideoFrames video = VideoFrames.of(List.of(wide, tall).iterator(), 1)) {
            M3Image collage = Collage.SIX.of(video).picture();
            assertThat(collage.width()).isEqualTo(40_000);
            assertThat(collage.height()).isEqualTo(9);
        }
        ImageIO.write(wide, "png", folder.resolve("frame-1.png").toFile());
        byte[] header = Files.readAllBytes(folder.resolve("frame-1.png"));
        ByteBuffer.wrap(header).putInt(20, 20_000); // the height, and the sum that guards it
        CRC32 sum = new CRC32();
        sum.update(header, 12, 17);
        ByteBuffer.wrap(header).putInt(29, (int) sum.getValue());
        Path huge = Files.write(folder.resolve("frame-2.png"), header);
        try (VideoFrames video = VideoFrames.folder(folder, 1)) {
            assertThatThrownBy(() -> new Sampling.Uniform(2).frames(video))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(
                            huge + ": at most 100000000 pixels expected, found 20000×20000")
                    .hasMessageContaining("take this file out of it");
        }
    }

    @Test
    void foldersThatAreNoneOrEmptyAreRefused() throws IOException {
        assertThatThrownBy(() -> VideoFrames.folder(folder, 1))
                .isInstanceOf(M3Exception.class)
                .hasMessage(
                        "folder of frames "
                                + folder
                                + ": expected a picture for each frame, found no file");
        Path file = Files.writeString(folder.resolve("a.txt"), "");
        assertThatThrownBy(() -> VideoFrames.folder(file, 1)).hasMessageContaining("found a file");
        Path none = folder.resolve("none");
        assertThatThrownBy(() -> VideoFrames.folder(none, 1))
                .hasMessageContaining("no such folder");
        assertThatThrownBy(() -> VideoFrames.folder(folder, 0)).hasMessageContaining("found 0.0");
    }

    @Test
    void framesWithTimesMustComeInOrder() {
        M3Image one = M3Image.ofRgb(1, 1, new byte[3]);
        List<Frame> frames =
                List.of(
                        new Frame(Duration.ofSeconds(1), one),
                        new Frame(Duration.ofSeconds(4), one),
                        new Frame(Duration.ofSeconds(4), one));
        try (VideoFrames video = VideoFrames.ofFrames(frames.iterator())) {
            assertThatThrownBy(video::time).isInstanceOf(IllegalStateException.class);
            assertThat(video.advance()).isTrue();
            assertThat(video.nextTime()).isEqualTo(Optional.of(Duration.ofSeconds(4)));
            assertThat(video.time()).isEqualTo(Duration.ofSeconds(1));
            assertThat(video.advance()).isTrue();
            assertThatThrownBy(video::advance)
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("found PT4S behind PT4S");
        }
        assertThatThrownBy(() -> new Frame(Duration.ofNanos(-1), one))
                .isInstanceOf(M3Exception.class);
    }

    @Test
    void ratesAndNumbersOutOfRangeAreRefused() {
        Iterator<BufferedImage> none = List.<BufferedImage>of().iterator();
        for (double rate : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> VideoFrames.of(none, rate))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("found " + rate);
        }
        assertThatThrownBy(() -> VideoFrames.of(none, 1, 0)).hasMessageContaining("found 0");
    }
}
