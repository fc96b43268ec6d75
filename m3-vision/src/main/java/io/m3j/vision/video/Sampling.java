package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * Which frames of a video are looked at. Frames are handed on in the order of their times, none twice,
 * and at least one: the first, if nothing else speaks for another.
 */
public sealed interface Sampling {

    /** More frames than this cannot be asked for; no context holds as many. */
    int MOST_FRAMES = 100_000;

    /**
     * Reads a video from where it stands and hands on the frames that were chosen, as soon as they are.
     *
     * @param video not begun; read up to the last frame that is needed, not closed
     * @param onFrame told each frame that was chosen; what it throws ends the reading
     * @throws M3Exception if the video has no frame, or is damaged
     */
    void sample(VideoFrames video, Consumer<Frame> onFrame);

    /**
     * @return the most frames that are taken of any video; empty if their number is the video's
     */
    default OptionalInt mostFrames() {
        return OptionalInt.empty();
    }

    /**
     * @param video not begun; not closed
     * @return all frames that were chosen
     */
    default List<Frame> frames(VideoFrames video) {
        List<Frame> frames = new ArrayList<>();
        sample(video, frames::add);
        return frames;
    }

    private static void begin(VideoFrames video, Consumer<Frame> onFrame) {
        required(onFrame, "onFrame");
        if (!required(video, "video").advance()) {
            throw new M3Exception(video.name() + ": expected at least one frame, found none");
        }
    }

    private static void requireFrames(int frames) {
        if (frames < 1 || frames > MOST_FRAMES) {
            throw new M3Exception(
                    "sampling: expected 1 to " + MOST_FRAMES + " frames, found " + frames);
        }
    }

    /**
     * A number of frames, evenly spread: the video is cut into as many stretches of one length, and of
     * each the frame is taken that is shown in its middle. Of a video with fewer frames each is taken
     * that is shown in the middle of some stretch.
     *
     * <p>A video of known length is read as it comes and nothing is held. Of one whose length is unknown up
     * to its end, {@value #HELD} times as many frames are held as are asked for: every frame at first,
     * every second once they are that many, every fourth, and so on. What is taken then lies within half a
     * stretch of its place, counted in frames. A hundred million pixels are shared by those held: one of more
     * than its part is made smaller (of six frames, one of more than four million), but no smaller than 131,072.
     *
     * @param frames how many, 1 to {@value #MOST_FRAMES}
     */
    record Uniform(int frames) implements Sampling {

        /** So many frames are held for each one asked for, where the length is unknown. */
        static final int HELD = 4;

        /** Checks the number. */
        public Uniform {
            requireFrames(frames);
        }

        @Override
        public void sample(VideoFrames video, Consumer<Frame> onFrame) {
            begin(video, onFrame);
            if (video.length().isPresent()) {
                spread(video, video.length().get(), onFrame);
            } else {
                thinOut(video, onFrame);
            }
        }

        @Override
        public OptionalInt mostFrames() {
            return OptionalInt.of(frames);
        }

        private void spread(VideoFrames video, Duration length, Consumer<Frame> onFrame) {
            Duration last = null;
            for (long i = 0; i < frames; i++) {
                video.moveTo(length.multipliedBy(2 * i + 1).dividedBy(2L * frames));
                if (!video.time().equals(last)) {
                    last = video.time();
                    onFrame.accept(video.frame());
                }
            }
        }

        private void thinOut(VideoFrames video, Consumer<Frame> onFrame) {
            Thinned held = new Thinned(HELD * frames);
            do {
                held.offer(() -> ReducedFrames.held(video.frame(), HELD * frames));
            } while (video.advance());
            held.spread(frames).forEach(onFrame);
        }
    }

    /**
     * Frames at a steady rate from the beginning: those shown at 0, 1/rate, 2/rate seconds and so on. One
     * that is still shown then is not taken again. Nothing is held.
     *
     * @param framesPerSecond above 0, at most 1,000
     */
    record Rate(double framesPerSecond) implements Sampling {

        private static final double MOST = 1000;
        private static final double NANOSECONDS = 1e9;

        /** Seconds. Some files round times to milliseconds: 0.667 is the second third of a second. */
        private static final double TOLERANCE = 1e-3;

        /** Checks the rate. */
        public Rate {
            if (!(framesPerSecond > 0 && framesPerSecond <= MOST)) {
                throw new M3Exception(
                        "sampling rate: expected above 0, at most "
                                + MOST
                                + " frames a second, found "
                                + framesPerSecond);
            }
        }

        @Override
        public void sample(VideoFrames video, Consumer<Frame> onFrame) {
            begin(video, onFrame);
            forEach(video, () -> onFrame.accept(video.frame()));
        }

        /** Stops at each of the frames; to be called on the first one. */
        void forEach(VideoFrames video, Runnable onFrame) {
            onFrame.run();
            while (video.nextTime().isPresent()) {
                // The first moment of the rate at which the frame behind this one is shown already.
                Duration next = video.nextTime().get();
                double moment =
                        Math.ceil((seconds(next) - TOLERANCE) * framesPerSecond) / framesPerSecond;
                Duration shown = Duration.ofNanos(Math.round((moment + TOLERANCE) * NANOSECONDS));
                // The double of a late time is coarse, and might not reach that frame at all.
                video.moveTo(shown.compareTo(next) < 0 ? next : shown);
                if (video.nextTime().isEmpty() && moment > endOfLast(video)) {
                    return; // the video is over by then
                }
                onFrame.run();
            }
        }

        /** Up to when the last frame is shown: to the end of the video; if that is not known, at once over. */
        private static double endOfLast(VideoFrames video) {
            double begin = seconds(video.time()) + TOLERANCE;
            return Math.max(begin, video.length().map(Rate::seconds).orElse(0.0) - TOLERANCE);
        }

        private static double seconds(Duration time) {
            return time.getSeconds() + time.getNano() / NANOSECONDS;
        }
    }

    /**
     * The frames with which the most different scenes begin. Four times a second a frame is compared with
     * the one that the scene began with; where they differ enough, a scene begins. The first frame
     * is always taken, and of the others those that differ most from the scene before them. So many frames
     * are held as are asked for, and share a hundred million pixels: one of more than its part is made smaller,
     * but no smaller than 131,072.
     *
     * @param frames the most that are taken, 1 to {@value #MOST_FRAMES}
     * @param least how different two frames must be, from 0 to 1 ({@link SceneDifference})
     */
    record SceneChanges(int frames, double least) implements Sampling {

        /** Between pictures of one shot there is less, between shots more. */
        public static final double USUAL_LEAST = 0.15;

        /** Four a second: a cut is found a quarter of one too late at most. */
        private static final Rate LOOKS = new Rate(4);

        /** Checks the numbers. */
        public SceneChanges {
            requireFrames(frames);
            if (!(least >= 0 && least <= 1)) {
                throw new M3Exception("scene change: expected 0 to 1, found " + least);
            }
        }

        /**
         * @param frames the most that are taken
         * @return those that begin scenes by the usual measure
         */
        public static SceneChanges of(int frames) {
            return new SceneChanges(frames, USUAL_LEAST);
        }

        @Override
        public void sample(VideoFrames video, Consumer<Frame> onFrame) {
            begin(video, onFrame);
            Best<Frame> beginnings = new Best<>(frames);
            SceneDifference[] scene = new SceneDifference[1];
            LOOKS.forEach(
                    video,
                    () -> {
                        Frame frame = video.frame();
                        SceneDifference looks = SceneDifference.of(frame.picture());
                        double difference =
                                scene[0] == null ? Double.POSITIVE_INFINITY : looks.from(scene[0]);
                        if (difference >= least) {
                            scene[0] = looks;
                            beginnings.offer(ReducedFrames.held(frame, frames), difference);
                        }
                    });
            beginnings.inOrder().forEach(onFrame);
        }

        @Override
        public OptionalInt mostFrames() {
            return OptionalInt.of(frames);
        }
    }

    /**
     * Of the frames of another sampling those that show something new: somewhere, a cell of a sixteenth of
     * width and height is brighter or darker than in the last frame taken. A picture that stands still is
     * taken once, and what appears in a corner of it is not missed. Nothing is held.
     *
     * @param of which frames are compared
     * @param least how much a cell must change, from 0 to 1
     */
    record Changed(Sampling of, double least) implements Sampling {

        /** Five of 255 levels: noise of single pixels is less in the mean of a cell. */
        public static final double USUAL_LEAST = 0.02;

        /** Checks both. */
        public Changed {
            required(of, "of");
            if (!(least >= 0 && least <= 1)) {
                throw new M3Exception("change: expected 0 to 1, found " + least);
            }
        }

        /**
         * @param sampling which frames are compared
         * @return those of them that show something new by the usual measure
         */
        public static Changed of(Sampling sampling) {
            return new Changed(sampling, USUAL_LEAST);
        }

        @Override
        public OptionalInt mostFrames() {
            return of.mostFrames();
        }

        @Override
        public void sample(VideoFrames video, Consumer<Frame> onFrame) {
            required(onFrame, "onFrame");
            SceneDifference[] last = new SceneDifference[1];
            of.sample(
                    video,
                    frame -> {
                        SceneDifference looks = SceneDifference.of(frame.picture());
                        if (last[0] == null || looks.greatestChange(last[0]) >= least) {
                            last[0] = looks;
                            onFrame.accept(frame);
                        }
                    });
        }
    }
}
