package io.m3j.vision.video;

import io.m3j.vision.M3Image;
import io.m3j.vision.PillowResize;
import io.m3j.vision.ResampleFilter;
import io.m3j.vision.Resolution;
import java.time.Duration;
import java.util.Optional;

/** The frames of another video, each made as small as it is wanted before anybody holds it. */
final class ReducedFrames implements VideoFrames {

    /** From the size of a frame to the one that is wanted. */
    @FunctionalInterface
    interface Wanted {
        Resolution of(int width, int height);
    }

    /**
     * Pixels of all frames that a sampling holds, 300 MB: 24 of four million, as six evenly spread frames of a
     * video of unknown length take.
     */
    static final int MOST_HELD = 24 << 22;

    /** A frame that is held may have so many, however many there are: a tile of 336 × 336 has less. */
    static final int ROOM_OF_EACH = 1 << 17;

    private final VideoFrames video;
    private final Wanted wanted;

    /**
     * @param video whose frames these are; closed with this
     * @param wanted how large each is to be
     */
    ReducedFrames(VideoFrames video, Wanted wanted) {
        this.video = video;
        this.wanted = wanted;
    }

    /** A picture in another size; itself, if it has it. */
    static M3Image sized(M3Image picture, Resolution size) {
        return picture.width() == size.width() && picture.height() == size.height()
                ? picture
                : PillowResize.resize(picture, size.width(), size.height(), ResampleFilter.BICUBIC);
    }

    /**
     * A frame as it is held beside others: the more they are, the less of each a model's context has room for.
     *
     * @param most how many are held at most
     */
    static Frame held(Frame frame, int most) {
        M3Image picture = frame.picture();
        int room = Math.max(ROOM_OF_EACH, MOST_HELD / most);
        Resolution size =
                fitting(
                        picture.width(),
                        picture.height(),
                        room,
                        M3Image.LONGEST_SIDE,
                        M3Image.LONGEST_SIDE);
        return new Frame(frame.time(), sized(picture, size));
    }

    /**
     * A size, or the largest of its shape for which there is room.
     *
     * @param room pixels, at least 1
     */
    static Resolution fitting(
            int width, int height, int room, double mostWidth, double mostHeight) {
        double scale = Math.min(1, Math.sqrt((double) room / ((double) width * height)));
        scale = Math.min(scale, mostWidth / width);
        scale = Math.min(scale, mostHeight / height);
        int fittingWidth = Math.max(1, Math.min((int) (width * scale), room));
        // A picture of a pixel's breadth cannot become narrower, only shorter.
        int fittingHeight = Math.max(1, Math.min((int) (height * scale), room / fittingWidth));
        return new Resolution(fittingWidth, fittingHeight);
    }

    @Override
    public M3Image picture() {
        M3Image picture = video.picture();
        return sized(picture, wanted.of(picture.width(), picture.height()));
    }

    @Override
    public String name() {
        return video.name();
    }

    @Override
    public Optional<Duration> length() {
        return video.length();
    }

    @Override
    public boolean advance() {
        return video.advance();
    }

    @Override
    public Duration time() {
        return video.time();
    }

    @Override
    public Optional<Duration> nextTime() {
        return video.nextTime();
    }

    /** It may know how to jump. */
    @Override
    public void moveTo(Duration time) {
        video.moveTo(time);
    }

    @Override
    public void close() {
        video.close();
    }
}
