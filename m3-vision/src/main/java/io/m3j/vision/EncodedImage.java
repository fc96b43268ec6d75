package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.Lifetime;
import io.m3j.core.NestedTokens;
import io.m3j.core.Scale;
import io.m3j.core.torch.Kernels;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A picture after its one pass through tower and projector: its nested tokens, to be asked any
 * number of questions at any scales.
 *
 * <p>Owns native memory: the caller closes it; it ends with its model at the latest. Safe for use by
 * several threads.
 */
public final class EncodedImage implements AutoCloseable {

    private final NestedTokens tokens;
    private final TileLayout layout;
    private final TileStitcher stitcher;
    private final Duration encodeTime;
    private final Lifetime lifetime = new Lifetime("the encoded image");
    private final Set<Consumer<EncodedImage>> whenClosed = new LinkedHashSet<>();
    private boolean closed;

    EncodedImage(
            NestedTokens tokens, TileLayout layout, TileStitcher stitcher, Duration encodeTime) {
        this.tokens = tokens;
        this.layout = layout;
        this.stitcher = stitcher;
        this.encodeTime = encodeTime;
    }

    /**
     * The visual tokens at one scale.
     *
     * @param scale one of {@link #ladder()}
     * @return float32 [tiles, scale, D]; owned by this image and valid until it is closed: the
     *     caller neither closes nor changes it
     * @throws io.m3j.core.M3Exception if the ladder does not have the scale; the message names those
     *     it has
     * @throws IllegalStateException if this was closed
     */
    public NDArray at(Scale scale) {
        return lifetime.during(() -> tokens.at(scale));
    }

    /**
     * The picture's part of a prompt: the tokens of all tiles in the order that the model was trained
     * with, black bars left out and newlines put in where it wants that.
     *
     * @param owner owns the result
     * @param scales of base and tiles, as many as {@link #layout} has
     * @return float32 [{@link #tokenCount(ImageScales)}, D], a copy
     * @throws io.m3j.core.M3Exception if the scales are not those of so many tiles, or not of the ladder
     * @throws IllegalStateException if this was closed
     */
    public NDArray tokens(NDManager owner, ImageScales scales) {
        scales.require(layout).require(ladder());
        return lifetime.during(() -> stitcher.stitch(owner, tokens, layout, scales));
    }

    /**
     * Frees the tokens of all scales finer than one, where memory matters and they will not be asked for.
     * No call may read them meanwhile, and what {@link #at} gave of them is gone.
     *
     * @param scale the finest that is kept, one of {@link #ladder()}
     * @throws io.m3j.core.M3Exception if the ladder does not have the scale
     * @throws IllegalStateException if this was closed
     */
    public void giveUpFinerThan(Scale scale) {
        lifetime.during(
                () -> {
                    tokens.giveUpFinerThan(scale);
                    return tokens;
                });
    }

    /**
     * @return how the picture was cut into tiles
     */
    public TileLayout layout() {
        return layout;
    }

    /**
     * @return the scales there are
     */
    public Ladder ladder() {
        return tokens.ladder();
    }

    /**
     * @return how many tiles the picture was cut into, the whole of it as one among them
     */
    public int tiles() {
        return lifetime.during(tokens::tiles);
    }

    /**
     * @param kernels of a model
     * @return whether that model encoded this picture; it ends with that model
     */
    public boolean madeWith(Kernels kernels) {
        return tokens.madeWith(kernels);
    }

    /**
     * @param scale one of {@link #ladder()}
     * @return how many positions of the prompt the picture takes at that scale
     */
    public int tokenCount(Scale scale) {
        return tokenCount(ImageScales.same(ladder().require(scale), layout));
    }

    /**
     * @param scales of base and tiles, as many as {@link #layout} has
     * @return how many positions of the prompt the picture takes at those scales
     */
    public int tokenCount(ImageScales scales) {
        tiles();
        return layout.tokenCount(scales.require(ladder()));
    }

    /**
     * @return the picture's width in pixels
     */
    public int width() {
        return layout.width();
    }

    /**
     * @return the picture's height in pixels
     */
    public int height() {
        return layout.height();
    }

    /**
     * @return what preprocessing, tower and projector took
     */
    public Duration encodeTime() {
        return encodeTime;
    }

    /**
     * Runs a call during which the tokens are not freed.
     *
     * @param <T> what the call returns
     * @param call what reads the tokens
     * @return what it returned
     * @throws IllegalStateException if this was closed
     */
    public <T> T during(Supplier<T> call) {
        return lifetime.during(call);
    }

    /**
     * Has what was derived from this picture freed with it.
     *
     * @param listener told once, by the thread that closes, or at once if this was closed; one that
     *     was given before is not told twice
     */
    public void whenClosed(Consumer<EncodedImage> listener) {
        synchronized (whenClosed) {
            if (!closed) {
                whenClosed.add(listener);
                return;
            }
        }
        listener.accept(this);
    }

    /**
     * @param listener that {@link #whenClosed} was given, and that need not be told any more
     */
    public void forget(Consumer<EncodedImage> listener) {
        synchronized (whenClosed) {
            whenClosed.remove(listener);
        }
    }

    /** Frees the tokens once no call reads them any more. */
    @Override
    public void close() {
        if (lifetime.close()) {
            tokens.close();
            List<Consumer<EncodedImage>> told;
            synchronized (whenClosed) {
                closed = true;
                told = List.copyOf(whenClosed);
                whenClosed.clear();
            }
            told.forEach(listener -> listener.accept(this));
        }
    }
}
