package io.m3j.train;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.train.MultiScaleLoss.Way;
import io.m3j.train.data.Example;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.TileLayout;
import java.util.Iterator;
import java.util.List;

/**
 * One batch, there and back. Tower and projector run once over all tiles of all pictures, whatever the number of scales; the decoder
 * reads the batch at one scale after the other; then the gradients of all scales, gathered in the visual
 * tokens, go back through projector and tower together. The same gradients as with a pass of the whole
 * model for each scale, as the authors compute them, with the activations of one scale at a time.
 *
 * <p>For one thread at a time.
 */
public final class TrainingStep {

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final Network network;
    private final StepOptions options;
    private final ImageProcessor processor;

    /**
     * @param model that learns; must stay open
     * @param options how to compute
     */
    public TrainingStep(TrainableModel model, StepOptions options) {
        this.model = required(model, "model");
        this.options = required(options, "options");
        this.kernels = model.kernels();
        this.network = new Network(model, options.type(), options.layersAgain());
        this.processor = model.imageProcessor();
    }

    /**
     * @param model that is to learn
     * @param options how to compute
     * @throws M3Exception if the windows do not fit its grid, or the longest example not its positions
     */
    public static void check(TrainableModel model, StepOptions options) {
        int positions = model.config().decoder().maximumPositions();
        if (options.longest() > positions) {
            throw new M3Exception(
                    "max_length: expected at most the model's "
                            + positions
                            + " positions, found "
                            + options.longest()
                            + "; set it lower, or let rope_scaling in the model's config.json stretch"
                            + " them");
        }
        Window.of(model.vision().gridSide(), options.window(), 0);
    }

    /**
     * Adds the gradients of a batch's loss to those of the parameters.
     *
     * @param batch the examples
     * @param loss what to compute
     * @param share that this batch's loss has in the whole: 1, or less where gradients of several
     *     batches make one step
     * @param seed of whatever is random: the same one draws the same
     * @return what the batch said
     * @throws NonFiniteLossException if a loss is no number
     * @throws M3Exception if no label is left after cutting
     * @throws IllegalStateException if adapters of the model are merged into its weights
     */
    public StepResult accumulate(TrainingBatch batch, LossOptions loss, double share, long seed) {
        model.adapters().requireNoneMerged();
        Network dropping = network.dropping(seed);
        try (NDManager scope = kernels.newManager();
                Eyes eyes = eyes(dropping, window(options.window(), seed))) {
            CutBatch cut = cut(batch);
            model.startGradients();
            NDArray tokens = eyes.forward(scope, batch.pixels()); //                 [T, N, D]
            boolean gather = !batch.pixels().isEmpty() && sees();
            NDArray leaf = gather ? Gradients.leaf(scope, tokens) : tokens;
            boolean back = gather || model.learns(Part.DECODER);
            StepResult result =
                    of(dropping, loss).run(leaf, cut, share, new Way(back, gather), seed);
            result = grounded(dropping, result, leaf, cut, loss, share, back);
            if (gather) {
                eyes.backward(Gradients.gradient(scope, leaf).orElseThrow());
            }
            return result;
        }
    }

    /**
     * The loss alone, without dropout.
     *
     * @param batch the examples
     * @param loss what to compute
     * @return what the batch said
     * @throws M3Exception as {@link #accumulate}
     */
    public StepResult evaluate(TrainingBatch batch, LossOptions loss) {
        return kernels.withoutGradients(
                () -> {
                    try (NDManager scope = kernels.newManager();
                            Eyes eyes = eyes(network, window(0, 0))) {
                        CutBatch cut = cut(batch);
                        NDArray tokens = eyes.forward(scope, batch.pixels());
                        StepResult result =
                                of(network, loss).run(tokens, cut, 1, new Way(false, false), 0);
                        return grounded(network, result, tokens, cut, loss, 1, false);
                    }
                });
    }

    private StepResult grounded(
            Network reading,
            StepResult said,
            NDArray tokens,
            CutBatch batch,
            LossOptions loss,
            double share,
            boolean back) {
        StepResult result = said;
        if (loss.grounding() > 0) {
            result =
                    new GroundingLoss(model, reading)
                            .add(said, tokens, batch, share * loss.grounding(), back);
        }
        if (loss.scales().isEmpty() && result.grounding().isEmpty()) {
            throw new M3Exception(
                    "examples "
                            + batch.examples().stream().map(Example::id).toList()
                            + ": no scale takes part, and nobody says what lies under their patches,"
                            + " so there is nothing to learn; give a scale, or examples with words"
                            + " for their patches");
        }
        return result;
    }

    private Eyes eyes(Network seeing, Window window) {
        return new Eyes(model, seeing, window, options.tilesAtOnce());
    }

    private Window window(int side, long seed) {
        return Window.of(model.vision().gridSide(), side, seed);
    }

    private MultiScaleLoss of(Network reading, LossOptions loss) {
        loss.scales().forEach(model.ladder()::require);
        return new MultiScaleLoss(model, reading, options, loss);
    }

    private boolean sees() {
        return model.learns(Part.TOWER) || model.learns(Part.PROJECTOR);
    }

    /**
     * @param batch with pixels
     * @return how its pictures are cut
     * @throws IllegalArgumentException if a picture has the pixels of another number of tiles
     */
    CutBatch cut(TrainingBatch batch) {
        CutBatch cut = CutBatch.of(batch.examples(), processor);
        long side = model.vision().imageSize();
        Iterator<float[]> pixels = batch.pixels().iterator();
        for (List<TileLayout> layouts : cut.layouts()) {
            for (TileLayout layout : layouts) {
                int found = pixels.next().length;
                if (found != layout.tiles() * 3 * side * side) {
                    throw new IllegalArgumentException(
                            "a picture of "
                                    + layout.width()
                                    + "×"
                                    + layout.height()
                                    + ": pixels of "
                                    + layout.tiles()
                                    + " tiles [3, "
                                    + side
                                    + ", "
                                    + side
                                    + "] expected, found "
                                    + found
                                    + " numbers");
                }
            }
        }
        return cut;
    }
}
