package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.NestedTokens;
import io.m3j.core.Pooling;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.Optional;

/**
 * From a picture to nested visual tokens (arXiv 2405.17430, section 3): pixels, tower, projector, and
 * only then pooling, since the projector's GELU does not commute with the mean.
 *
 * <pre>
 * picture → pixels [T, 3, 336, 336] → features [T, 576, 1024] → tokens [T, 576, D] → [T, s, D] at any scale
 * </pre>
 */
public final class NestedVisionEncoder {

    private final Kernels kernels;
    private final ImageProcessor processor;
    private final ClipVisionTower tower;
    private final int hiddenState;
    private final Projector projector;
    private final Ladder ladder;
    private final Pooling pooling;
    private final TileStitcher stitcher;

    /**
     * @param kernels that tower and projector were loaded with
     * @param processor picture to pixels
     * @param tower the vision tower
     * @param hiddenState which of its states is read, −2 in LLaVA
     * @param projector tower to decoder
     * @param ladder the scales
     * @param pooling how coarser scales come about
     * @param newline the token behind each line of tiles, float32 [1, D]; empty if there is none
     */
    public NestedVisionEncoder(
            Kernels kernels,
            ImageProcessor processor,
            ClipVisionTower tower,
            int hiddenState,
            Projector projector,
            Ladder ladder,
            Pooling pooling,
            Optional<NDArray> newline) {
        this.kernels = kernels;
        this.processor = processor;
        this.tower = tower;
        this.hiddenState = hiddenState;
        this.projector = projector;
        this.ladder = ladder;
        this.pooling = pooling;
        this.stitcher = new TileStitcher(kernels, newline);
    }

    /**
     * @return the vision tower
     */
    public ClipVisionTower tower() {
        return tower;
    }

    /**
     * @return the scales
     */
    public Ladder ladder() {
        return ladder;
    }

    /**
     * @param width of a picture, pixels
     * @param height of a picture, pixels
     * @return how it would be cut into tiles, and what it would cost; nothing is computed
     */
    public TileLayout layout(int width, int height) {
        return processor.layout(width, height);
    }

    /**
     * @param image a picture of any size
     * @return its nested tokens, to be closed by the caller
     */
    public EncodedImage encode(M3Image image) {
        long start = System.nanoTime();
        try (NDManager scope = kernels.newManager()) {
            NDArray pixels = pixels(scope, image); //              [T, 3, 336, 336]
            NDArray features = features(scope, pixels); //         [T, 576, 1024]
            NDArray tokens = project(scope, features); //          [T, 576, D]
            kernels.await(tokens);
            NestedTokens nested = nest(tokens); //                 [T, s, D] for every s
            Duration taken = Duration.ofNanos(System.nanoTime() - start);
            TileLayout layout = layout(image.width(), image.height());
            return new EncodedImage(nested, layout, stitcher, taken);
        }
    }

    /**
     * @param owner owns the result
     * @param image a picture of any size
     * @return normalised pixels of all its tiles, float32 [T, 3, size, size]
     */
    public NDArray pixels(NDManager owner, M3Image image) {
        long size = tower.config().imageSize();
        FloatBuffer pixels = FloatBuffer.wrap(processor.tiles(image));
        long tiles = pixels.remaining() / (3 * size * size);
        return kernels.array(owner, pixels, new Shape(tiles, 3, size, size), FloatType.FLOAT32);
    }

    /**
     * @param owner owns the result
     * @param pixels float32 [T, 3, size, size]
     * @return patch features, float32 [T, N, tower's hidden size]
     */
    public NDArray features(NDManager owner, NDArray pixels) {
        try (NDManager scope = owner.newSubManager()) {
            return kernels.toFloat32(owner, tower.patchFeatures(scope, pixels, hiddenState));
        }
    }

    /**
     * @param owner owns the result
     * @param features patch features [T, N, tower's hidden size]
     * @return the full grid of visual tokens, float32 [T, N, D]
     */
    public NDArray project(NDManager owner, NDArray features) {
        try (NDManager scope = owner.newSubManager()) {
            return kernels.toFloat32(owner, projector.project(scope, features));
        }
    }

    /**
     * @param tokens the full grid of visual tokens, float32 [T, N, D]; taken over
     * @return the same at every scale of the ladder, to be closed by the caller
     */
    public NestedTokens nest(NDArray tokens) {
        return new NestedTokens(kernels, tokens, ladder, pooling);
    }
}
