package io.m3j.vision.video;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;

/** Frames that bring their times with them; one is looked ahead, for its time. */
final class TimedFrames implements VideoFrames {

    private final Iterator<Frame> source;
    private Frame current;
    private Frame next;

    TimedFrames(Iterator<Frame> source) {
        this.source = source;
    }

    @Override
    public String name() {
        return "video of frames with times";
    }

    @Override
    public Optional<Duration> length() {
        return Optional.empty();
    }

    @Override
    public boolean advance() {
        look();
        if (next == null) {
            return false;
        }
        if (current != null && next.time().compareTo(current.time()) <= 0) {
            throw new M3Exception(
                    name()
                            + ": expected each frame later than the one before, found "
                            + next.time()
                            + " behind "
                            + current.time());
        }
        current = next;
        next = null;
        return true;
    }

    private void look() {
        if (next == null && source.hasNext()) {
            next = source.next();
            if (next == null) {
                throw new M3Exception(name() + ": expected a frame, found null");
            }
        }
    }

    @Override
    public Duration time() {
        return at().time();
    }

    @Override
    public Optional<Duration> nextTime() {
        look();
        return Optional.ofNullable(next).map(Frame::time);
    }

    @Override
    public M3Image picture() {
        return at().picture();
    }

    private Frame at() {
        if (current == null) {
            throw new IllegalStateException(name() + ": it stands before its first frame");
        }
        return current;
    }

    @Override
    public void close() {
        next = null;
    }
}
