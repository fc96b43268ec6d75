package io.m3j.core;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.torch.Kernels;
import java.util.HashMap;
import java.util.Map;

/**
 * The visual tokens of some tiles at every scale of the ladder. Each scale is computed when it is
 * first asked for, from the full grid, and kept.
 *
 * <p>Owns native memory: whoever makes it closes it. Safe for use by several threads.
 */
public final class NestedTokens implements AutoCloseable {

    private final Kernels kernels;
    private final NDManager manager;
    private final Ladder ladder;
    private final Pooling pooling;
    private final int tiles;
    private final Map<Scale, NDArray> byScale = new HashMap<>();
    private Scale finest;

    /**
     * @param kernels that compute the pooling
     * @param grid projected tokens [T, grid side², D] in float32; taken over: closed with this
     * @param ladder the scales of the grid
     * @param pooling how coarser scales come about
     */
    public NestedTokens(Kernels kernels, NDArray grid, Ladder ladder, Pooling pooling) {
        long side = ladder.gridSide();
        if (grid.getShape().dimension() != 3 || grid.getShape().get(1) != side * side) {
            throw new M3Exception(
                    "visual tokens: expected [tiles, "
                            + side * side
                            + ", hidden size] for a "
                            + side
                            + "×"
                            + side
                            + " grid, found "
                            + grid.getShape());
        }
        this.kernels = kernels;
        this.ladder = ladder;
        this.pooling = pooling;
        this.tiles = Math.toIntExact(grid.getShape().get(0));
        this.manager = kernels.newManager();
        grid.attach(manager);
        finest = ladder.finest();
        byScale.put(finest, grid);
    }

    /**
     * @return the scales there are
     */
    public Ladder ladder() {
        return ladder;
    }

    /**
     * @return how many tiles these are the tokens of
     */
    public int tiles() {
        grid();
        return tiles;
    }

    /**
     * @param others the kernels of a model
     * @return whether these tokens were made with them, and so live no longer than they
     */
    public boolean madeWith(Kernels others) {
        return kernels == others;
    }

    /**
     * The tokens at one scale.
     *
     * @param scale one of the ladder's
     * @return float32 [T, scale, D]; owned by this object, valid until it is closed: the caller
     *     neither closes nor changes it
     * @throws M3Exception if the ladder does not have the scale, or its tokens were given up
     * @throws IllegalStateException if this was closed
     */
    public synchronized NDArray at(Scale scale) {
        NDArray grid = grid();
        if (ladder.require(scale).compareTo(finest) > 0) {
            throw new M3Exception(
                    "scale "
                            + scale
                            + ": tokens finer than "
                            + finest
                            + " were given up; encode the picture anew");
        }
        // Each from the full grid while there is one: given up, it has left all coarser ones
        // behind.
        return byScale.computeIfAbsent(
                scale, missing -> pooling.apply(kernels, manager, grid, ladder, missing));
    }

    /**
     * Frees the tokens of all scales finer than one; those of the others stay what they are.
     *
     * @param scale the finest that is kept, one of the ladder's; without effect if finer ones are gone
     *     already
     * @throws M3Exception if the ladder does not have the scale
     * @throws IllegalStateException if this was closed
     */
    public synchronized void giveUpFinerThan(Scale scale) {
        grid();
        if (ladder.require(scale).compareTo(finest) >= 0) {
            return;
        }
        ladder.scales().stream().filter(kept -> kept.compareTo(scale) <= 0).forEach(this::at);
        for (Scale finer : ladder.scales()) {
            if (finer.compareTo(scale) > 0 && byScale.containsKey(finer)) {
                byScale.remove(finer).close();
            }
        }
        finest = scale;
    }

    private synchronized NDArray grid() {
        NDArray grid = byScale.get(finest);
        if (grid == null || !manager.isOpen()) { // it ends with the kernels
            throw new IllegalStateException("the visual tokens were closed");
        }
        return grid;
    }

    /** Frees the tokens of every scale. */
    @Override
    public synchronized void close() {
        byScale.clear();
        manager.close();
    }
}
