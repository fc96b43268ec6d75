package io.m3j.vision.video;

import io.m3j.vision.M3Image;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A video of one-pixel pictures that tells their number, and counts which were asked for. */
final class DrawnVideo implements VideoFrames {

    private final List<Duration> times;
    private final Optional<Duration> length;
    private int at = -1;
    final List<Integer> pictured = new ArrayList<>();

    DrawnVideo(List<Duration> times, Optional<Duration> length) {
        this.times = times;
        this.length = length;
    }

    /** Frames at a steady rate. */
    static DrawnVideo steady(int frames, double framesPerSecond, boolean knowsItsLength) {
        List<Duration> times = new ArrayList<>();
        for (int i = 0; i < frames; i++) {
            times.add(Duration.ofNanos(Math.round(i * 1e9 / framesPerSecond)));
        }
        Duration length = Duration.ofNanos(Math.round(frames * 1e9 / framesPerSecond));
        return new DrawnVideo(times, knowsItsLength ? Optional.of(length) : Optional.empty());
    }

    static int number(Frame frame) {
        byte[] rgb = frame.picture().rgb();
        return (rgb[0] & 0xff) << 16 | (rgb[1] & 0xff) << 8 | rgb[2] & 0xff;
    }

    @Override
    public String name() {
        return "drawn video";
    }

    @Override
    public Optional<Duration> length() {
        return length;
    }

    @Override
    public boolean advance() {
        if (at + 1 >= times.size()) {
            return false;
        }
        at++;
        return true;
    }

    @Override
    public Duration time() {
        return times.get(at);
    }

    @Override
    public Optional<Duration> nextTime() {
        return at + 1 < times.size() ? Optional.of(times.get(at + 1)) : Optional.empty();
    }

    @Override
    public M3Image picture() {
        pictured.add(at);
        return M3Image.ofRgb(1, 1, new byte[] {(byte) (at >> 16), (byte) (at >> 8), (byte) at});
    }

    @Override
    public void close() {}
}
