package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.vision.M3Image;

/**
 * How a picture looks from afar, to tell two scenes apart: how its brightness is spread, whatever moved
 * where, and a thumbnail of it, whatever the light.
 *
 * <p>The difference of two is the mean of two numbers from 0 to 1. The first is half the sum of the
 * differences of two histograms of luminance (the share of pixels that are of another brightness). The
 * second is the mean difference of two thumbnails in luminance. Both are usual measures of cuts; the first
 * stays small where things move, the second where it gets darker.
 */
public final class SceneDifference {

    private static final int BINS = 32;
    private static final int SIDE = 16;
    private static final int LEVELS = 256;

    private final double[] histogram = new double[BINS];
    private final double[] thumbnail = new double[SIDE * SIDE];

    private SceneDifference() {}

    /**
     * @param picture of any size
     * @return how it looks
     */
    public static SceneDifference of(M3Image picture) {
        SceneDifference looks = new SceneDifference();
        byte[] rgb = required(picture, "picture").rgb();
        int width = picture.width();
        int height = picture.height();
        int[] count = new int[SIDE * SIDE];
        for (int y = 0, at = 0; y < height; y++) {
            int row = (int) ((long) y * SIDE / height) * SIDE;
            for (int x = 0; x < width; x++, at += 3) {
                double luminance = luminance(rgb, at);
                looks.histogram[(int) (luminance * BINS / LEVELS)]++;
                int cell = row + (int) ((long) x * SIDE / width);
                looks.thumbnail[cell] += luminance;
                count[cell]++;
            }
        }
        double pixels = (double) width * height;
        for (int i = 0; i < BINS; i++) {
            looks.histogram[i] /= pixels;
        }
        for (int i = 0; i < looks.thumbnail.length; i++) {
            // A picture narrower than the thumbnail leaves cells empty, as does any other of its
            // size.
            looks.thumbnail[i] /= Math.max(1, count[i]) * (LEVELS - 1.0);
        }
        return looks;
    }

    /** ITU-R BT.601, from 0 to 255. */
    private static double luminance(byte[] rgb, int at) {
        return 0.299 * (rgb[at] & 0xff)
                + 0.587 * (rgb[at + 1] & 0xff)
                + 0.114 * (rgb[at + 2] & 0xff);
    }

    /**
     * @param other another picture's looks
     * @return from 0, the same, to 1, such as black from white
     */
    public double from(SceneDifference other) {
        double spread = 0;
        for (int i = 0; i < BINS; i++) {
            spread += Math.abs(histogram[i] - other.histogram[i]) / 2;
        }
        double place = 0;
        for (int i = 0; i < thumbnail.length; i++) {
            place += Math.abs(thumbnail[i] - other.thumbnail[i]) / thumbnail.length;
        }
        return Math.min(1, (spread + place) / 2);
    }

    /**
     * @param other another picture's looks
     * @return the greatest difference of two cells of the thumbnails in luminance, from 0 to 1: how much a
     *     sixteenth of width and height has changed where most did
     */
    public double greatestChange(SceneDifference other) {
        double greatest = 0;
        for (int i = 0; i < thumbnail.length; i++) {
            greatest = Math.max(greatest, Math.abs(thumbnail[i] - other.thumbnail[i]));
        }
        return greatest;
    }
}
