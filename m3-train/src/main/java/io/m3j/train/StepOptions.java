package io.m3j.train;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.torch.FloatType;

/**
 * How a batch is computed.
 *
 * @param pooling how the grid becomes the tokens of a coarser scale
 * @param type that products are computed in; masters, norms and the residual stream stay float32
 * @param layersAgain activation checkpointing: layers between two activations that are kept, the others
 *     being computed again on the way back; 0 keeps all
 * @param longest places of the decoder that an example may take, pictures included; what goes beyond is
 *     cut off
 * @param window patches along a side of the windows that the tower's attention stays in while gradients
 *     are taken; 0 for the whole grid
 * @param tilesAtOnce tiles that the tower takes together; of a batch with more, each portion is computed
 *     again on the way back, so that the tower's memory is that of one portion. 0 for all
 */
public record StepOptions(
        Pooling pooling,
        FloatType type,
        int layersAgain,
        int longest,
        int window,
        int tilesAtOnce) {

    /** Checks the numbers. */
    public StepOptions {
        required(pooling, "pooling");
        required(type, "type");
        if (window < 0) {
            throw new M3Exception("tower_window: expected 0 or more, found " + window);
        }
        if (tilesAtOnce < 0) {
            throw new M3Exception("tiles_at_once: expected 0 or more, found " + tilesAtOnce);
        }
        if (layersAgain < 0 || longest < 2) {
            throw new M3Exception(
                    "step: expected layersAgain of 0 or more and longest of 2 or more, found "
                            + layersAgain
                            + " and "
                            + longest);
        }
    }

    /**
     * Attention over the whole grid, all tiles together.
     *
     * @param pooling how the grid becomes the tokens of a coarser scale
     * @param type that products are computed in
     * @param layersAgain layers between two activations that are kept; 0 keeps all
     * @param longest places of the decoder that an example may take
     */
    public StepOptions(Pooling pooling, FloatType type, int layersAgain, int longest) {
        this(pooling, type, layersAgain, longest, 0, 0);
    }

    /**
     * @param side patches along a side of the windows that the tower's attention stays in
     * @return these options with it
     */
    public StepOptions withWindow(int side) {
        return new StepOptions(pooling, type, layersAgain, longest, side, tilesAtOnce);
    }

    /**
     * @param tiles that the tower takes together; 0 for all
     * @return these options with it
     */
    public StepOptions withTilesAtOnce(int tiles) {
        return new StepOptions(pooling, type, layersAgain, longest, window, tiles);
    }

    /**
     * @param longest places of the decoder that an example may take
     * @return average pooling in float32, all activations kept
     */
    public static StepOptions plain(int longest) {
        return new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, 0, longest);
    }
}
