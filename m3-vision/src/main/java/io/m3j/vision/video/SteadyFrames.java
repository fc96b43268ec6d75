package io.m3j.vision.video;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * Frames at a steady rate.
 *
 * @param <T> what a picture is made of
 */
final class SteadyFrames<T> implements VideoFrames {

    private static final double NANOSECONDS = 1e9;

    /** Above, times of neighbours would be the same nanosecond; below, a few frames are centuries. */
    private static final double HIGHEST_RATE = 1e6;

    private static final double LOWEST_RATE = 1e-6;

    private final String name;
    private final Iterator<T> source;
    private final Function<T, M3Image> toPicture;
    private final double framesPerSecond;
    private final OptionalLong count;
    private final Runnable whenClosed;
    private T current;
    private M3Image picture; // made of it when it was first asked for
    private long index = -1;

    SteadyFrames(
            String name,
            Iterator<T> source,
            Function<T, M3Image> toPicture,
            double framesPerSecond,
            OptionalLong count,
            Runnable whenClosed) {
        if (!(framesPerSecond >= LOWEST_RATE && framesPerSecond <= HIGHEST_RATE)) {
            throw new M3Exception(
                    name
                            + ": expected "
                            + LOWEST_RATE
                            + " to "
                            + HIGHEST_RATE
                            + " frames a second, found "
                            + framesPerSecond);
        }
        if (count.isPresent() && count.getAsLong() < 1) {
            throw new M3Exception(
                    name + ": expected a number of at least 1 frame, found " + count.getAsLong());
        }
        this.name = name;
        this.source = source;
        this.toPicture = toPicture;
        this.framesPerSecond = framesPerSecond;
        this.count = count;
        this.whenClosed = whenClosed;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Optional<Duration> length() {
        return count.isPresent() ? Optional.of(timeOf(count.getAsLong())) : Optional.empty();
    }

    @Override
    public boolean advance() {
        if (isLast() || !source.hasNext()) {
            return false;
        }
        picture = null;
        current = source.next();
        index++;
        if (current == null) {
            throw new M3Exception(name + ", frame " + index + ": expected a picture, found null");
        }
        return true;
    }

    /** By the number that was given. */
    private boolean isLast() {
        return count.isPresent() && index + 1 >= count.getAsLong();
    }

    @Override
    public Duration time() {
        requireFrame();
        return timeOf(index);
    }

    @Override
    public Optional<Duration> nextTime() {
        if (isLast()) {
            return Optional.empty();
        }
        if (index >= 0) {
            picture(); // to ask for the next one may be to draw it over this one
        }
        return source.hasNext() ? Optional.of(timeOf(index + 1)) : Optional.empty();
    }

    /** By the rate alone, so that no picture is made of what is passed over. */
    @Override
    public void moveTo(Duration time) {
        boolean more = true;
        while (more && timeOf(index + 1).compareTo(time) <= 0) {
            more = advance();
        }
    }

    @Override
    public M3Image picture() {
        requireFrame();
        if (picture == null) {
            picture = toPicture.apply(current);
        }
        return picture;
    }

    private void requireFrame() {
        if (index < 0) {
            throw new IllegalStateException(name + ": it stands before its first frame");
        }
    }

    private Duration timeOf(long frame) {
        return Duration.ofNanos(Math.round(frame * NANOSECONDS / framesPerSecond));
    }

    @Override
    public void close() {
        current = null;
        picture = null;
        whenClosed.run();
    }
}
