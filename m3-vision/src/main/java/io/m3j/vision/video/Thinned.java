package io.m3j.vision.video;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Frames of a video of unknown length, evenly spread at any moment: all of them at first, every second
 * one when there is no more room, every fourth after that.
 */
final class Thinned {

    private final int room;
    private final List<Frame> held = new ArrayList<>();
    private long every = 1;
    private long offered;

    /**
     * @param room the most that are held, at least 2
     */
    Thinned(int room) {
        this.room = room;
    }

    /** Takes a frame up if it is its turn; it is read only then. */
    void offer(Supplier<Frame> frame) {
        if (offered % every == 0 && held.size() == room) {
            for (int i = 0; 2 * i < room; i++) {
                held.set(i, held.get(2 * i));
            }
            held.subList((room + 1) / 2, room).clear();
            every *= 2;
        }
        if (offered++ % every == 0) {
            held.add(frame.get());
        }
    }

    int size() {
        return held.size();
    }

    /** So many of them, from the middles of stretches of one length; all, if there are no more. */
    List<Frame> spread(int frames) {
        if (held.size() <= frames) {
            return List.copyOf(held);
        }
        List<Frame> spread = new ArrayList<>();
        for (long i = 0; i < frames; i++) {
            spread.add(held.get((int) ((2 * i + 1) * held.size() / (2L * frames))));
        }
        return spread;
    }
}
