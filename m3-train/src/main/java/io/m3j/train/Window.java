package io.m3j.train;

import io.m3j.core.M3Exception;
import java.util.SplittableRandom;

/**
 * Where the tower's attention is cut while it learns: the grid, a ring in both directions, is turned and
 * cut into windows, as Swin's are (Liu et al., arXiv 2103.14030). Turned anew for each batch.
 *
 * @param gridSide patches along a side of the grid
 * @param side patches along a side of a window
 * @param down how far the grid is turned first
 * @param right how far the grid is turned first
 */
record Window(int gridSide, int side, int down, int right) {

    /**
     * @param gridSide patches along a side of the grid
     * @param side patches along a side of a window; 0 for no windows
     * @param seed of how far the grid is turned
     * @return the window; of the whole grid where there are none
     * @throws M3Exception if the side does not divide the grid's
     */
    static Window of(int gridSide, int side, long seed) {
        if (side == 0) {
            return new Window(gridSide, gridSide, 0, 0);
        }
        if (gridSide % side != 0) {
            throw new M3Exception(
                    "tower_window: expected a divisor of the grid's "
                            + gridSide
                            + " patches a side, found "
                            + side);
        }
        SplittableRandom random = new SplittableRandom(seed);
        return new Window(gridSide, side, random.nextInt(side), random.nextInt(side));
    }

    boolean isWhole() {
        return side == gridSide;
    }
}
