package io.m3j.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import io.m3j.vision.video.VideoFrames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avutil;

/**
 * The frames of a video file: MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, WMV, GIF and the like, coded as
 * H.264, HEVC, AV1, VP8, VP9, MPEG-4 and what else is common. Pictures are turned upright as their camera
 * was held, and their pixels are made square. Times are the file's own, counted from its first frame, also
 * where frames come at no steady rate.
 *
 * <p>Playlists are refused, and so is whatever else would have FFmpeg read another file or the network.
 *
 * <p>Owns native memory: two decoded frames and what the decoder needs. The caller closes it. For one
 * thread at a time.
 */
public final class VideoFile implements VideoFrames {

    /** To decode so much is quicker, as a rule, than to go back to the last key frame. */
    private static final Duration WORTH_A_JUMP = Duration.ofSeconds(10);

    /** About as far apart as key frames of a broadcast are; doubled each time. */
    private static final Duration FIRST_STEP_BACK = Duration.ofSeconds(1);

    private static final Duration TICK = Duration.ofNanos(1000);

    private final String name;
    private final Path file;
    private final ImageReading reading;
    private final PictureMaker pictures;
    private FrameDecoder decoder;
    private AVFrame current;
    private AVFrame next;
    private Duration time;
    private Optional<Duration> nextTime = Optional.empty();
    private boolean looked; // whether next and nextTime say what comes
    private boolean jumps = true;
    private boolean closed;

    private VideoFile(Path file, ImageReading reading) {
        this.name = "video " + file;
        this.file = file;
        this.reading = reading;
        this.decoder = new FrameDecoder(name, file, reading);
        boolean upright = reading.orientation() == ImageReading.Orientation.HONOUR;
        this.pictures =
                new PictureMaker(
                        name, upright ? decoder.orientation() : Orientation.AS_STORED, reading);
        // Last: what was allocated before the decoder refused a file, nobody would free.
        this.current = avutil.av_frame_alloc();
        this.next = avutil.av_frame_alloc();
    }

    /**
     * @param file a video
     * @return its frames, to be closed by the caller
     * @throws M3Exception if there is no such file, it is not a video, is damaged, of a kind that is not
     *     read, or larger than the default {@link ImageReading} admits
     */
    public static VideoFile open(Path file) {
        return open(file, ImageReading.defaults());
    }

    /**
     * @param file a video
     * @param reading orientation and the most pixels of a frame; the most bytes concern pictures only
     * @return its frames, to be closed by the caller
     * @throws M3Exception as {@link #open(Path)}
     */
    public static VideoFile open(Path file, ImageReading reading) {
        String name = "video " + required(file, "file");
        required(reading, "reading");
        if (!Files.isRegularFile(file)) {
            throw new M3Exception(
                    name
                            + (Files.isDirectory(file)
                                    ? ": a file expected, found a folder; VideoFrames.folder reads"
                                            + " its pictures"
                                    : Files.exists(file)
                                            ? ": a regular file expected"
                                            : ": no such file"));
        }
        if (!Files.isReadable(file)) {
            throw new M3Exception(name + ": it may not be read; mind its permissions");
        }
        Ffmpeg.load(name);
        return new VideoFile(file, reading);
    }

    @Override
    public String name() {
        return name;
    }

    /**
     * @return how long its pictures last; empty if the file does not say, as those do not that were
     *     written while they were sent
     */
    @Override
    public Optional<Duration> length() {
        requireOpen();
        return decoder.length();
    }

    @Override
    public boolean advance() {
        look();
        if (nextTime.isEmpty()) {
            return false;
        }
        AVFrame used = current;
        current = next;
        next = used;
        time = nextTime.get();
        looked = false;
        return true;
    }

    /** Decodes the frame behind the one on which this stands, if that was not done. */
    private void look() {
        requireOpen();
        if (looked) {
            return;
        }
        if (!decoder.next(next)) {
            nextTime = Optional.empty();
        } else {
            Duration least = time == null ? Duration.ZERO : time.plus(TICK);
            Duration usual =
                    time == null ? Duration.ZERO : time.plus(decoder.usualDuration(current));
            // Some files repeat a time, or go back: the order in which frames come then counts.
            Duration told = decoder.time(next).orElse(usual);
            nextTime = Optional.of(told.compareTo(least) < 0 ? least : told);
        }
        looked = true;
    }

    @Override
    public Duration time() {
        requireFrame();
        return time;
    }

    @Override
    public Optional<Duration> nextTime() {
        look();
        return nextTime;
    }

    @Override
    public M3Image picture() {
        requireFrame();
        return pictures.picture(current);
    }

    /** Jumps over what need not be decoded. */
    @Override
    public void moveTo(Duration target) {
        requireFrame();
        boolean stays = nextTime().filter(behind -> behind.compareTo(target) <= 0).isEmpty();
        if (!stays && jumps && isFar(target) && decoder.canJump()) {
            jumps = jump(target);
            if (!jumps) {
                startAnew(); // its index is wrong: all has to be read
            }
        }
        VideoFrames.super.moveTo(target);
    }

    private boolean isFar(Duration target) {
        return target.minus(time).compareTo(WORTH_A_JUMP) > 0;
    }

    /**
     * Goes to a frame from which the one that is wanted can be reached. That may take several jumps, each to an
     * earlier time: some containers have no index of key frames, and those of others count in the order in
     * which frames are coded.
     */
    private boolean jump(Duration target) {
        Duration earlier = target;
        for (Duration step = FIRST_STEP_BACK; earlier.compareTo(time) > 0; step = step.plus(step)) {
            try {
                if (!decoder.jump(earlier)) {
                    return false;
                }
                if (landed(target)) {
                    return true;
                }
            } catch (M3Exception e) {
                return false; // what is really damaged fails again when all is read
            }
            earlier = earlier.minus(step);
        }
        return false;
    }

    /** Whether a jump led between the frame on which this stands and the one that is wanted. */
    private boolean landed(Duration target) {
        while (decoder.next(next)) {
            Optional<Duration> reached = decoder.time(next);
            if (reached.isEmpty() || reached.get().compareTo(target) > 0) {
                return false;
            }
            if (reached.get().compareTo(time) > 0) {
                nextTime = reached;
                looked = true;
                return true;
            }
        }
        return false;
    }

    private void startAnew() {
        // The file may be gone: then this still has an open decoder, as FFmpeg would read a freed
        // one.
        FrameDecoder anew = new FrameDecoder(name, file, reading);
        decoder.close();
        decoder = anew;
        Duration before = time;
        time = null;
        looked = false;
        while (advance() && time.compareTo(before) < 0) {
            // up to where it stood
        }
    }

    private void requireFrame() {
        requireOpen();
        if (time == null) {
            throw new IllegalStateException(name + ": it stands before its first frame");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(name + " was closed");
        }
    }

    /** Frees the decoder and closes the file. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            avutil.av_frame_free(current);
            avutil.av_frame_free(next);
            pictures.close();
            decoder.close();
        }
    }
}
