package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The frames of a video, one after another: a cursor that stands before the first, moves forward, and
 * makes a picture of a frame only where one is asked for. Holds one or two frames at a time, whatever
 * the video's length.
 *
 * <p>Read once, from one thread; whoever opens it closes it. {@link Sampling} chooses frames of it.
 */
public interface VideoFrames extends AutoCloseable {

    /**
     * @return what the video is called in messages, such as {@code video cat.mp4}
     */
    String name();

    /**
     * @return how long the video is, if that is known before its end
     */
    Optional<Duration> length();

    /**
     * Moves on to the next frame, at first to the first.
     *
     * @return whether there is one
     * @throws M3Exception if what comes next is damaged or cut short
     */
    boolean advance();

    /**
     * @return when the frame is shown on which this stands; each later than the one before
     * @throws IllegalStateException before the first frame
     */
    Duration time();

    /**
     * @return when the next frame is shown, to which {@link #advance} would move; empty at the last one
     * @throws M3Exception as {@link #advance}
     */
    Optional<Duration> nextTime();

    /**
     * @return the frame on which this stands
     * @throws M3Exception if it cannot be read
     * @throws IllegalStateException before the first frame
     */
    M3Image picture();

    /**
     * Moves forward to the frame that is shown at a time, the last one at or before it; stays where it is
     * if that is the frame. To be called on a frame.
     *
     * @param time from the beginning
     */
    default void moveTo(Duration time) {
        while (nextTime().filter(next -> next.compareTo(time) <= 0).isPresent()) {
            advance();
        }
    }

    /**
     * @return the frame on which this stands
     */
    default Frame frame() {
        return new Frame(time(), picture());
    }

    /** Frees what is open; may be called again. */
    @Override
    void close();

    /**
     * Pictures that come at a steady rate. Each is copied before the next is asked for, if it is asked for
     * at all: the iterator may draw all of them into one image.
     *
     * @param pictures one after another
     * @param framesPerSecond above 0
     * @return a video of unknown length
     * @throws M3Exception if the rate is out of range
     */
    static VideoFrames of(Iterator<BufferedImage> pictures, double framesPerSecond) {
        return new SteadyFrames<>(
                "video from an iterator",
                required(pictures, "pictures"),
                M3Image::of,
                framesPerSecond,
                OptionalLong.empty(),
                () -> {});
    }

    /**
     * Pictures that come at a steady rate, in a known number.
     *
     * @param pictures one after another
     * @param framesPerSecond above 0
     * @param count how many there are, at least 1; what comes beyond is not read
     * @return a video of known length, which can be sampled evenly as it comes
     * @throws M3Exception if the rate or the number is out of range
     */
    static VideoFrames of(Iterator<BufferedImage> pictures, double framesPerSecond, long count) {
        return new SteadyFrames<>(
                "video from an iterator",
                required(pictures, "pictures"),
                M3Image::of,
                framesPerSecond,
                OptionalLong.of(count),
                () -> {});
    }

    /**
     * Pictures that come at a steady rate.
     *
     * @param pictures one after another; closed with the video
     * @param framesPerSecond above 0
     * @return a video of unknown length
     * @throws M3Exception if the rate is out of range
     */
    static VideoFrames of(Stream<BufferedImage> pictures, double framesPerSecond) {
        return new SteadyFrames<>(
                "video from a stream",
                required(pictures, "pictures").iterator(),
                M3Image::of,
                framesPerSecond,
                OptionalLong.empty(),
                pictures::close);
    }

    /**
     * Frames that bring their times with them.
     *
     * @param frames one after another, each later than the one before
     * @return a video of unknown length
     */
    static VideoFrames ofFrames(Iterator<Frame> frames) {
        return new TimedFrames(required(frames, "frames"));
    }

    /**
     * The pictures of a folder, in the order of their names, in which numbers count by their value: {@code
     * frame-9.png} comes before {@code frame-10.png}. Files and folders whose names begin with a dot are
     * passed over, and so are folders; any other file has to be a picture.
     *
     * @param folder with a picture for each frame, of any formats and sizes
     * @param framesPerSecond above 0
     * @return a video of known length; a picture is read when it is asked for
     * @throws M3Exception if there is no such folder, it cannot be read or holds no file, or the rate is
     *     out of range
     */
    static VideoFrames folder(Path folder, double framesPerSecond) {
        return folder(folder, framesPerSecond, ImageReading.defaults());
    }

    /**
     * The same with limits of one's own.
     *
     * @param folder with a picture for each frame
     * @param framesPerSecond above 0
     * @param reading orientation and limits of each picture
     * @return a video of known length
     * @throws M3Exception as {@link #folder(Path, double)}
     */
    static VideoFrames folder(Path folder, double framesPerSecond, ImageReading reading) {
        return PictureFolder.open(
                required(folder, "folder"), framesPerSecond, required(reading, "reading"));
    }
}
