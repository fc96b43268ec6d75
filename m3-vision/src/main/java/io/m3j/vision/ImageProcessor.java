package io.m3j.vision;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.util.Optional;

/**
 * From a picture of any size to the pixels of a vision tower, bit for bit as transformers' {@code
 * CLIPImageProcessor} and LLaVA's {@code process_images} make them with Pillow.
 *
 * <p>Immutable; may be shared by threads.
 */
public final class ImageProcessor {

    private static final int LEVELS = 256;

    private final ImageProcessorConfig config;
    private final Optional<AnyResolution> anyResolution;

    /** For each channel and each 8-bit level its normalised value. */
    private final float[][] normalized;

    /**
     * @param config size, framing and numbers
     */
    public ImageProcessor(ImageProcessorConfig config) {
        this(config, Optional.empty());
    }

    /**
     * @param config size, framing and numbers
     * @param anyResolution how pictures are cut into tiles; empty if each is one
     * @throws M3Exception if the sizes do not fit each other
     */
    public ImageProcessor(ImageProcessorConfig config, Optional<AnyResolution> anyResolution) {
        this.config = config;
        this.anyResolution = anyResolution;
        anyResolution.ifPresent(any -> any.requireTiles(config.imageSize()));
        if (anyResolution.isPresent() && config.shortestEdge() != config.imageSize()) {
            throw new M3Exception(
                    "image processor: for tiles size and crop_size are expected to be the same, found "
                            + config.shortestEdge()
                            + " and "
                            + config.imageSize());
        }
        this.normalized = new float[3][LEVELS];
        for (int channel = 0; channel < 3; channel++) {
            float mean = config.mean().get(channel).floatValue();
            float std = config.std().get(channel).floatValue();
            for (int level = 0; level < LEVELS; level++) {
                float rescaled = (float) (level * config.rescaleFactor());
                normalized[channel][level] =
                        config.normalize() ? (rescaled - mean) / std : rescaled;
            }
        }
    }

    /**
     * @return the settings
     */
    public ImageProcessorConfig config() {
        return config;
    }

    /**
     * @return whether pictures are cut into tiles
     */
    public boolean cuts() {
        return anyResolution.isPresent();
    }

    /**
     * @param width of a picture, pixels
     * @param height of a picture, pixels
     * @return how it is cut into tiles
     */
    public TileLayout layout(int width, int height) {
        int size = config.imageSize();
        return anyResolution
                .map(any -> any.layout(width, height, size))
                .orElseGet(() -> TileLayout.whole(width, height, size));
    }

    /**
     * The square that the tower looks at, before its levels become numbers.
     *
     * @param image any size
     * @return size × size × 3 bytes, row after row from the top, red first; size is {@link
     *     ImageProcessorConfig#imageSize()}
     */
    public byte[] resized(M3Image image) {
        return resized(image, config.framing());
    }

    private byte[] resized(M3Image image, Framing framing) {
        int size = config.imageSize();
        int edge = config.shortestEdge();
        int width = edge;
        int height = edge;
        Canvas canvas;
        switch (framing) {
            case PAD -> canvas = Canvas.squared(image, config.padColour());
            case SQUARE -> {
                canvas = Canvas.of(image);
                width = scaled(edge, image.width(), image.height());
                height = scaled(edge, image.height(), image.width());
            }
            default -> canvas = Canvas.of(image);
        }
        return PillowResize.window(
                canvas,
                width,
                height,
                config.filter(),
                (width - size) / 2,
                (height - size) / 2,
                size,
                size);
    }

    /**
     * The input of the tower for a picture that is one tile.
     *
     * @param image any size
     * @return float32 [3, size, size]: the red plane, the green, the blue
     */
    public float[] pixels(M3Image image) {
        float[] pixels = new float[3 * config.imageSize() * config.imageSize()];
        normalize(resized(image), pixels, 0);
        return pixels;
    }

    /**
     * The input of the tower: all tiles of a picture, as {@link #layout} cuts it.
     *
     * @param image any size
     * @return float32 [T, 3, size, size], each tile as {@link #pixels}; the base first, then row by row
     */
    public float[] tiles(M3Image image) {
        TileLayout layout = layout(image.width(), image.height());
        if (layout.tiles() == 1) {
            return pixels(image);
        }
        int size = 3 * config.imageSize() * config.imageSize();
        float[] pixels = new float[layout.tiles() * size];
        normalize(resized(image, Framing.STRETCH), pixels, 0);
        byte[] canvas = canvas(image, layout);
        for (int tile = 1; tile < layout.tiles(); tile++) {
            normalize(tile(canvas, layout, tile), pixels, tile * size);
        }
        return pixels;
    }

    /**
     * @param image any size
     * @param tile 0 for the base, from 1 for the tiles
     * @return that tile before its levels become numbers: size × size × 3 bytes
     */
    byte[] tile(M3Image image, int tile) {
        TileLayout layout = layout(image.width(), image.height());
        return tile == 0
                ? resized(image, Framing.STRETCH)
                : tile(canvas(image, layout), layout, tile);
    }

    /** The picture in the middle of black: an odd rest goes to the right or the bottom. */
    private byte[] canvas(M3Image image, TileLayout layout) {
        int size = config.imageSize();
        int width = layout.columns() * size;
        int height = layout.rows() * size;
        Resolution resized = layout.resized();
        byte[] picture =
                PillowResize.window(
                        Canvas.of(image),
                        resized.width(),
                        resized.height(),
                        config.filter(),
                        0,
                        0,
                        resized.width(),
                        resized.height());
        byte[] canvas = new byte[3 * width * height];
        int left = (width - resized.width()) / 2;
        int top = (height - resized.height()) / 2;
        int row = 3 * resized.width();
        for (int y = 0; y < resized.height(); y++) {
            System.arraycopy(picture, y * row, canvas, 3 * ((top + y) * width + left), row);
        }
        return canvas;
    }

    private byte[] tile(byte[] canvas, TileLayout layout, int tile) {
        int row = 3 * config.imageSize();
        byte[] cut = new byte[row * config.imageSize()];
        int width = row * layout.columns();
        int start = layout.rowOf(tile) * config.imageSize() * width + layout.columnOf(tile) * row;
        for (int y = 0; y < config.imageSize(); y++) {
            System.arraycopy(canvas, start + y * width, cut, y * row, row);
        }
        return cut;
    }

    /** size × size × 3 bytes → three planes of numbers. */
    private void normalize(byte[] rgb, float[] pixels, int start) {
        int plane = config.imageSize() * config.imageSize();
        for (int channel = 0; channel < 3; channel++) {
            float[] values = normalized[channel];
            for (int i = 0; i < plane; i++) {
                pixels[start + channel * plane + i] = values[rgb[3 * i + channel] & 0xff];
            }
        }
    }

    /** One side when the shorter one becomes {@code edge}; rounded down as Python's int() does. */
    private static int scaled(int edge, int side, int other) {
        return side <= other ? edge : (int) ((double) ((long) edge * side) / other);
    }
}
