package io.m3j.llm.video;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.List;
import java.util.Optional;

/**
 * How the frames are found that matter to a question: all are looked at from afar, and of those that
 * matter most so far, some are kept. Those are looked at at the next finer scale, of them fewer are kept,
 * and so on.
 *
 * @param frames how many are found in the end, at least 1
 * @param kept how many are kept while frames come, with all their tokens; at least as many as are found
 * @param coarse at which scale all are looked at; empty means the middle one of the ladder, 36 tokens of
 *     24×24
 */
public record FrameSearch(int frames, int kept, Optional<Scale> coarse) {

    /** Enough for many a wrong guess from afar; 19 MB of a model with 128 numbers a token. */
    public static final int USUALLY_KEPT = 64;

    /** Checks the numbers. */
    public FrameSearch {
        if (frames < 1) {
            throw new M3Exception("search: expected at least 1 frame to be found, got " + frames);
        }
        if (kept < frames) {
            throw new M3Exception(
                    "search: expected at least as many frames to be kept as are found, "
                            + frames
                            + ", got "
                            + kept);
        }
    }

    /**
     * @param frames how many are found
     * @return a search that keeps {@value #USUALLY_KEPT}, or as many as are found if those are more
     */
    public static FrameSearch of(int frames) {
        return new FrameSearch(frames, Math.max(frames, USUALLY_KEPT), Optional.empty());
    }

    /**
     * @param scale at which all frames are looked at
     * @return this search with that changed
     */
    public FrameSearch withCoarse(Scale scale) {
        return new FrameSearch(frames, kept, Optional.of(scale));
    }

    /** The scales at which frames are looked at, the coarse one first. */
    List<Scale> scales(Ladder ladder) {
        List<Scale> scales = ladder.scales();
        int first =
                coarse.map(ladder::require).map(scales::indexOf).orElse((scales.size() - 1) / 2);
        return scales.subList(first, scales.size());
    }

    /** How many are kept at each of those scales: in equal proportions from the first to those found. */
    int kept(int step, int steps) {
        double share = steps == 1 ? 1 : (double) step / (steps - 1);
        double many = kept * Math.pow((double) frames / kept, share);
        return (int) Math.max(frames, Math.round(many));
    }
}
