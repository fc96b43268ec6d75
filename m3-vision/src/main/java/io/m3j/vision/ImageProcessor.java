package io.m3j.vision;

/**
 * From a picture of any size to the pixels of a vision tower, bit for bit as transformers' {@code
 * CLIPImageProcessor} and LLaVA's {@code process_images} make them with Pillow.
 *
 * <p>Immutable; may be shared by threads.
 */
public final class ImageProcessor {

    private static final int LEVELS = 256;

    private final ImageProcessorConfig config;

    /** For each channel and each 8-bit level its normalised value. */
    private final float[][] normalized;

    /**
     * @param config size, framing and numbers
     */
    public ImageProcessor(ImageProcessorConfig config) {
        this.config = config;
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
     * The square that the tower looks at, before its levels become numbers.
     *
     * @param image any size
     * @return size × size × 3 bytes, row after row from the top, red first; size is {@link
     *     ImageProcessorConfig#imageSize()}
     */
    public byte[] resized(M3Image image) {
        int size = config.imageSize();
        int edge = config.shortestEdge();
        int width = edge;
        int height = edge;
        Canvas canvas;
        switch (config.framing()) {
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
     * The input of the tower.
     *
     * @param image any size
     * @return float32 [3, size, size]: the red plane, the green, the blue
     */
    public float[] pixels(M3Image image) {
        int plane = config.imageSize() * config.imageSize();
        float[] pixels = new float[3 * plane];
        byte[] rgb = resized(image);
        for (int channel = 0; channel < 3; channel++) {
            float[] values = normalized[channel];
            for (int i = 0; i < plane; i++) {
                pixels[channel * plane + i] = values[rgb[3 * i + channel] & 0xff];
            }
        }
        return pixels;
    }

    /** One side when the shorter one becomes {@code edge}; rounded down as Python's int() does. */
    private static int scaled(int edge, int side, int other) {
        return side <= other ? edge : (int) ((double) ((long) edge * side) / other);
    }
}
