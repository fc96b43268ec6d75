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
