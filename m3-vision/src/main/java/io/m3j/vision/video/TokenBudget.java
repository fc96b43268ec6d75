package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.vision.TileLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A number of visual tokens for all frames together.
 *
 * @param tokens at least 1
 */
public record TokenBudget(int tokens) {

    /** Checks the number. */
    public TokenBudget {
        if (tokens < 1) {
            throw new M3Exception("budget: expected at least 1 token, found " + tokens);
        }
    }

    /**
     * The finest scale that all frames can have.
     *
     * @param frames how each is cut into tiles, at least one
     * @param ladder the scales
     * @return a scale of the ladder
     * @throws M3Exception if not even the coarsest fits
     */
    public Scale finestForAll(List<TileLayout> frames, Ladder ladder) {
        for (int i = ladder.scales().size() - 1; i >= 0; i--) {
            Scale scale = ladder.scales().get(i);
            if (cost(frames, scale) <= tokens) {
                return scale;
            }
        }
        throw new M3Exception(
                "budget of "
                        + tokens
                        + " tokens: expected at least "
                        + cost(frames, ladder.coarsest())
                        + ", what "
                        + frames.size()
                        + " frames take at the coarsest scale; take fewer frames or more tokens");
    }

    /**
     * Shares the tokens: every frame has the finest scale that all can have; with what is left, frames that
     * are spread evenly over the video have the next finer one.
     *
     * @param frames how each is cut into tiles, in the order of their times, at least one
     * @param ladder the scales
     * @return a scale for each frame
     * @throws M3Exception if not even the coarsest fits
     */
    public List<Scale> share(List<TileLayout> frames, Ladder ladder) {
        if (required(frames, "frames").isEmpty()) {
            throw new M3Exception("budget: expected at least one frame, found none");
        }
        Scale scale = finestForAll(frames, ladder);
        List<Scale> scales = new ArrayList<>(Collections.nCopies(frames.size(), scale));
        int finer = ladder.scales().indexOf(scale) + 1;
        if (finer == ladder.scales().size()) {
            return scales;
        }
        Scale next = ladder.scales().get(finer);
        // As many as fit wherever they stand: those for whom there is room even if they are the
        // dearest.
        long left = tokens - cost(frames, scale);
        long dearest =
                frames.stream()
                        .mapToLong(frame -> frame.tokenCount(next) - frame.tokenCount(scale))
                        .max()
                        .orElseThrow();
        long raised = left / dearest; // fewer than all: else all would have the finer scale
        for (long i = 0; i < raised; i++) {
            scales.set((int) ((2 * i + 1) * frames.size() / (2 * raised)), next);
        }
        return scales;
    }

    private static long cost(List<TileLayout> frames, Scale scale) {
        return frames.stream().mapToLong(frame -> frame.tokenCount(scale)).sum();
    }
}
