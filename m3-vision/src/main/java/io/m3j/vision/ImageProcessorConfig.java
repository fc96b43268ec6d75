package io.m3j.vision;

import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.List;

/**
 * How a picture becomes the pixels that a vision tower was trained on.
 *
 * @param framing how a picture that is no square becomes one
 * @param shortestEdge to which the shorter side is resized, pixels
 * @param imageSize side of the square that is cut from the middle, pixels; no larger than {@code
 *     shortestEdge}
 * @param filter the kernel of the resize
 * @param rescaleFactor by which 0 to 255 is multiplied, as a rule 1/255
 * @param normalize whether the mean is subtracted and the standard deviation divided by
 * @param mean of red, green and blue, after rescaling
 * @param std standard deviation of red, green and blue, after rescaling
 */
public record ImageProcessorConfig(
        Framing framing,
        int shortestEdge,
        int imageSize,
        ResampleFilter filter,
        double rescaleFactor,
        boolean normalize,
        List<Double> mean,
        List<Double> std) {

    /** How a picture that is no square becomes one. */
    public enum Framing {
        /** Bars of the mean colour make it square ({@code image_aspect_ratio: pad} in LLaVA). */
        PAD,
        /** The shorter side is resized and the middle is cut out, as CLIP does. */
        SQUARE,
        /** Width and height are resized each for itself. */
        STRETCH
    }

    /** Larger towers do not exist; a damaged file could ask for gigabytes. */
    private static final int LARGEST_SIZE = 4096;

    private static final List<Double> CLIP_MEAN = List.of(0.48145466, 0.4578275, 0.40821073);
    private static final List<Double> CLIP_STD = List.of(0.26862954, 0.26130258, 0.27577711);

    /** Checks the numbers. */
    public ImageProcessorConfig {
        if (framing == null || filter == null) {
            throw new M3Exception("image processor: framing and filter expected, found null");
        }
        requireSize("crop_size", imageSize);
        requireSize("size", shortestEdge);
        if (shortestEdge < imageSize) {
            throw new M3Exception(
                    "image processor: size "
                            + shortestEdge
                            + " is smaller than crop_size "
                            + imageSize
                            + "; padding a crop is not supported");
        }
        if (!Double.isFinite(rescaleFactor) || rescaleFactor <= 0) {
            throw new M3Exception(
                    "image processor: rescale_factor above 0 expected, found " + rescaleFactor);
        }
        mean = checked("image_mean", mean);
        std = checked("image_std", std);
        for (double deviation : std) {
            if (deviation <= 0) {
                throw new M3Exception("image processor: image_std above 0 expected, found " + std);
            }
        }
    }

    /**
     * The settings of {@code openai/clip-vit-large-patch14-336}, which LLaVA-1.5 and M3 use.
     *
     * @return 336 pixels, padded, bicubic
     */
    public static ImageProcessorConfig clip() {
        return clip(336);
    }

    /**
     * CLIP's settings for a tower of another size.
     *
     * @param imageSize side of the square, pixels
     * @return the settings, padded, bicubic
     */
    public static ImageProcessorConfig clip(int imageSize) {
        return new ImageProcessorConfig(
                Framing.PAD,
                imageSize,
                imageSize,
                ResampleFilter.BICUBIC,
                1 / 255.0,
                true,
                CLIP_MEAN,
                CLIP_STD);
    }

    /**
     * Reads {@code preprocessor_config.json} of a checkpoint. It is framed {@link Framing#PAD} only
     * if the file has a true {@code do_pad}; most know nothing of padding, and LLaVA's {@code
     * image_aspect_ratio} stands in {@code config.json}, so see {@link #withFraming}.
     *
     * @param directory of the checkpoint
     * @return what the file says; {@link #clip()} framed {@link Framing#SQUARE} if there is none
     * @throws M3Exception if the file is damaged or asks for something that is not supported
     */
    public static ImageProcessorConfig read(Path directory) {
        return PreprocessorFile.read(directory.resolve(PreprocessorFile.NAME));
    }

    /**
     * @param chosen how a picture that is no square becomes one
     * @return these settings with that changed
     */
    public ImageProcessorConfig withFraming(Framing chosen) {
        return new ImageProcessorConfig(
                chosen, shortestEdge, imageSize, filter, rescaleFactor, normalize, mean, std);
    }

    /**
     * @return the colour of the bars: the mean in 8 bits, rounded down as in LLaVA's {@code
     *     process_images}
     */
    public RgbColour padColour() {
        return new RgbColour(level(0), level(1), level(2));
    }

    private int level(int channel) {
        return Math.max(0, Math.min(255, (int) (mean.get(channel) * 255)));
    }

    private static void requireSize(String name, int size) {
        if (size < 1 || size > LARGEST_SIZE) {
            throw new M3Exception(
                    "image processor: "
                            + name
                            + " of 1 to "
                            + LARGEST_SIZE
                            + " pixels expected, found "
                            + size);
        }
    }

    private static List<Double> checked(String name, List<Double> values) {
        if (values == null
                || values.size() != 3
                || values.stream().anyMatch(value -> value == null || !Double.isFinite(value))) {
            throw new M3Exception(
                    "image processor: " + name + " of three numbers expected, found " + values);
        }
        return List.copyOf(values);
    }
}
