package io.m3j.llm.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.video.EncodedVideo.EncodedFrame;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import io.m3j.vision.TileLayout;
import io.m3j.vision.video.Best;
import io.m3j.vision.video.Collage;
import io.m3j.vision.video.Frame;
import io.m3j.vision.video.Sampling;
import io.m3j.vision.video.TokenBudget;
import io.m3j.vision.video.VideoFrames;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Turns videos into tokens. Frames are encoded as they come; of each the tokens are kept that the result
 * needs, and nothing of its picture.
 *
 * <p>Holds no native memory of its own. For one thread at a time.
 */
public final class VideoEncoder {

    /** Frames whose prompts are read in one pass; each keeps all its tokens so long. */
    private static final int TOGETHER = 16;

    private final M3Model model;
    private final Consumer<Duration> onFrame;
    private final Consumer<EncodedImage> onImage;

    /**
     * @param model that encodes
     */
    public VideoEncoder(M3Model model) {
        this(model, time -> {});
    }

    /**
     * @param model that encodes
     * @param onFrame told the time of each frame that was encoded; what it throws ends the work
     */
    public VideoEncoder(M3Model model, Consumer<Duration> onFrame) {
        this(model, onFrame, image -> {});
    }

    /** For tests that look at what is kept: told each image that was encoded. */
    VideoEncoder(M3Model model, Consumer<Duration> onFrame, Consumer<EncodedImage> onImage) {
        this.model = required(model, "model");
        this.onFrame = required(onFrame, "onFrame");
        this.onImage = onImage;
    }

    private EncodedImage encode(Frame frame) {
        EncodedImage image = model.encode(frame.picture());
        try {
            onFrame.accept(frame.time());
            onImage.accept(image);
            return image;
        } catch (RuntimeException | Error e) {
            image.close();
            throw e;
        }
    }

    /**
     * Frames as images of their own, all at one scale.
     *
     * @param video not begun; not closed
     * @param sampling which frames
     * @param scale of each; finer tokens are not kept
     * @return the frames, to be closed by the caller
     * @throws io.m3j.core.M3Exception if the video is damaged or has no frame, or the ladder not the scale
     */
    public EncodedVideo encode(VideoFrames video, Sampling sampling, Scale scale) {
        model.ladder().require(scale);
        return encode(
                video,
                sampling,
                layouts -> Optional.of(scale),
                layouts -> Collections.nCopies(layouts.size(), scale));
    }

    /**
     * Frames as images of their own, which share a number of tokens ({@link TokenBudget#share}). How many
     * frames there will be need not be known: the more come, the coarser are those kept, so that at no time
     * more tokens are kept than the budget would buy at the next finer scale.
     *
     * @param video not begun; not closed
     * @param sampling which frames
     * @param budget tokens of all frames together
     * @return the frames, to be closed by the caller
     * @throws io.m3j.core.M3Exception if the video is damaged or has no frame, or has more frames than the
     *     budget has room for at the coarsest scale
     */
    public EncodedVideo encode(VideoFrames video, Sampling sampling, TokenBudget budget) {
        required(budget, "budget");
        List<Scale> scales = model.ladder().scales();
        return encode(
                video,
                sampling,
                layouts -> {
                    if (!hasRoom(budget, layouts, sampling)) {
                        return Optional.empty();
                    }
                    int all = scales.indexOf(budget.finestForAll(layouts, model.ladder()));
                    return Optional.of(scales.get(Math.min(all + 1, scales.size() - 1)));
                },
                layouts -> budget.share(layouts, model.ladder()));
    }

    /**
     * Whether a budget has room for the frames that came so far. If not, those of a sampling of a set number are
     * counted to their end, so that what is refused then can say what all of them would take.
     */
    private boolean hasRoom(TokenBudget budget, List<TileLayout> layouts, Sampling sampling) {
        Scale coarsest = model.ladder().coarsest();
        int least = layouts.stream().mapToInt(layout -> layout.tokenCount(coarsest)).sum();
        boolean room = least <= budget.tokens();
        if (!room && sampling.mostFrames().isEmpty()) {
            throw new M3Exception(
                    "budget of "
                            + budget.tokens()
                            + " tokens: expected at least "
                            + least
                            + ", what the first "
                            + layouts.size()
                            + " frames take at the coarsest scale, and more are to come; take fewer frames or"
                            + " more tokens");
        }
        return room;
    }

    /**
     * @param kept from the layouts of all frames that came so far, the last one of which is not encoded yet, to
     *     the finest scale that is kept of them; empty if none of them will be needed
     * @param choice from the layouts of all frames to the scale of each
     */
    private EncodedVideo encode(
            VideoFrames video,
            Sampling sampling,
            Function<List<TileLayout>, Optional<Scale>> kept,
            Function<List<TileLayout>, List<Scale>> choice) {
        Gathered gathered = new Gathered();
        List<TileLayout> layouts = new ArrayList<>();
        gathered.filling(
                () ->
                        sampling.sample(
                                video,
                                frame -> {
                                    M3Image picture = frame.picture();
                                    layouts.add(model.layout(picture.width(), picture.height()));
                                    Optional<Scale> finest = kept.apply(layouts);
                                    if (finest.isPresent()) {
                                        gathered.add(frame.time(), encode(frame));
                                        gathered.giveUpFinerThan(finest.get());
                                    }
                                }));
        return gathered.video(() -> choice.apply(layouts));
    }

    /**
     * The paper's way: six frames, evenly spread, as one picture ({@link Collage#SIX}). A model that sees
     * pictures at any resolution cuts it into tiles; any other sees it as one tile, in which a frame has a
     * sixth of the room.
     *
     * @param video not begun; not closed
     * @param scale at which the collage is looked at
     * @return one frame, the collage, with the time of its first; to be closed by the caller
     * @throws io.m3j.core.M3Exception if the video is damaged or has no frame
     */
    public EncodedVideo collage(VideoFrames video, Scale scale) {
        model.ladder().require(scale);
        Frame collage = Collage.SIX.of(required(video, "video"));
        return new EncodedVideo(
                model, List.of(new EncodedFrame(collage.time(), encode(collage), scale)));
    }

    /**
     * Finds the frames that matter to a question, by {@link AnswerShift}.
     *
     * @param video not begun; not closed; read once
     * @param sampling which frames are looked at from afar
     * @param question without template
     * @param search how
     * @param budget tokens of the frames found, all together
     * @return the frames found, in the order of their times; to be closed by the caller
     * @throws io.m3j.core.M3Exception if the video is damaged or has no frame, or the budget has no room for
     *     the frames found
     */
    public EncodedVideo find(
            VideoFrames video,
            Sampling sampling,
            String question,
            FrameSearch search,
            TokenBudget budget) {
        return find(video, sampling, new AnswerShift(model, question), search, budget);
    }

    /**
     * The same by any scorer.
     *
     * @param video not begun; not closed; read once
     * @param sampling which frames are looked at from afar
     * @param scorer says how much a frame matters; not used after this
     * @param search how
     * @param budget tokens of the frames found, all together
     * @return the frames found, in the order of their times; to be closed by the caller
     * @throws io.m3j.core.M3Exception as the other
     */
    public EncodedVideo find(
            VideoFrames video,
            Sampling sampling,
            FrameScorer scorer,
            FrameSearch search,
            TokenBudget budget) {
        required(budget, "budget");
        List<Scale> scales = required(search, "search").scales(model.ladder());
        Search found = new Search(required(scorer, "scorer"), search, scales);
        Gathered gathered = new Gathered();
        gathered.filling(
                () -> {
                    try {
                        sampling.sample(
                                video,
                                frame -> found.add(new Candidate(frame.time(), encode(frame))));
                        found.refine();
                    } finally {
                        found.candidates().forEach(c -> gathered.add(c.time(), c.image()));
                    }
                });
        return gathered.video(() -> budget.share(gathered.layouts(), model.ladder()));
    }

    /** Frames with their images, which are closed if not all come to be. */
    private final class Gathered {

        private final List<Duration> times = new ArrayList<>();
        private final List<EncodedImage> images = new ArrayList<>();

        void add(Duration time, EncodedImage image) {
            times.add(time);
            images.add(image);
        }

        void filling(Runnable work) {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                images.forEach(EncodedImage::close);
                throw e;
            }
        }

        List<TileLayout> layouts() {
            return images.stream().map(EncodedImage::layout).toList();
        }

        void giveUpFinerThan(Scale scale) {
            images.forEach(image -> image.giveUpFinerThan(scale));
        }

        EncodedVideo video(Supplier<List<Scale>> choice) {
            List<Scale> scales = new ArrayList<>();
            filling(() -> scales.addAll(choice.get())); // there may be no room for them
            List<EncodedFrame> frames = new ArrayList<>();
            for (int i = 0; i < images.size(); i++) {
                images.get(i).giveUpFinerThan(scales.get(i));
                frames.add(new EncodedFrame(times.get(i), images.get(i), scales.get(i)));
            }
            return new EncodedVideo(model, frames);
        }
    }

    private record Candidate(Duration time, EncodedImage image) {}

    /** Those that matter most so far, and a few that were not looked at yet. */
    private static final class Search {

        private final FrameScorer scorer;
        private final FrameSearch search;
        private final List<Scale> scales;
        private final List<Candidate> candidates = new ArrayList<>(); // in the order of their times
        private int looked;

        Search(FrameScorer scorer, FrameSearch search, List<Scale> scales) {
            this.scorer = scorer;
            this.search = search;
            this.scales = scales;
        }

        void add(Candidate candidate) {
            candidates.add(candidate);
            if (candidates.size() == looked + TOGETHER) {
                look(0);
            }
        }

        /** Those kept before are compared anew with those that came: the scorer knows more by now. */
        private void look(int step) {
            double[] scores =
                    scorer.score(
                            candidates.stream().map(Candidate::image).toList(), scales.get(step));
            if (scores.length != candidates.size()) {
                throw new M3Exception(
                        "frame scorer: expected a score for each of "
                                + candidates.size()
                                + " frames, found "
                                + scores.length
                                + " scores");
            }
            Best<Candidate> best = new Best<>(search.kept(step, scales.size()));
            for (int i = 0; i < scores.length; i++) {
                best.offer(candidates.get(i), scores[i]).ifPresent(c -> c.image().close());
            }
            candidates.clear();
            candidates.addAll(best.inOrder());
            looked = candidates.size();
        }

        /** Looks at those kept at finer and finer scales, each time keeping fewer. */
        void refine() {
            for (int step = looked == candidates.size() ? 1 : 0; step < scales.size(); step++) {
                look(step);
            }
        }

        List<Candidate> candidates() {
            return candidates;
        }
    }
}
