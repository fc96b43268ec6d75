package io.m3j.vision;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;

/**
 * Red, green and blue of any {@link BufferedImage}, taken from its raster.
 *
 * <p>{@link BufferedImage#getRGB} will not do: it converts between colour spaces, and so brightens
 * every grey picture.
 */
final class RasterPixels {

    private RasterPixels() {}

    static M3Image rgb(BufferedImage image) {
        ColorModel model = image.getColorModel();
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] rgb = new byte[3 * width * height];
        if (model instanceof IndexColorModel palette) {
            lookUp(image.getRaster(), palette, rgb);
        } else if (!isGrey(model) && model.getColorSpace().getType() != ColorSpace.TYPE_RGB) {
            convert(image, rgb);
        } else if (isFloatingPoint(image)) {
            readFloats(image, rgb);
        } else {
            readIntegers(image, rgb);
        }
        return M3Image.adopt(width, height, rgb);
    }

    private static void lookUp(Raster raster, IndexColorModel palette, byte[] rgb) {
        int[] colours = new int[palette.getMapSize()];
        palette.getRGBs(colours);
        int width = raster.getWidth();
        int[] row = new int[width];
        int target = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
            for (int index : row) {
                // An index past the palette is a fault of the file that decoders paint black.
                int colour = index < colours.length ? colours[index] : 0;
                rgb[target++] = (byte) (colour >> 16);
                rgb[target++] = (byte) (colour >> 8);
                rgb[target++] = (byte) colour;
            }
        }
    }

    private static void readIntegers(BufferedImage image, byte[] rgb) {
        ColorModel model = image.getColorModel();
        Raster raster = image.getRaster();
        int width = raster.getWidth();
        int bands = raster.getNumBands();
        boolean grey = isGrey(model);
        boolean premultiplied = model.hasAlpha() && model.isAlphaPremultiplied();
        int[] bits = model.getComponentSize();
        boolean signed =
                model instanceof ComponentColorModel
                        && raster.getTransferType() == DataBuffer.TYPE_SHORT;
        int[] row = new int[width * bands];
        int target = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++) {
                int pixel = x * bands;
                for (int channel = 0; channel < 3; channel++) {
                    int band = grey ? 0 : channel;
                    int value = toByte(row[pixel + band], signed ? 15 : bits[band]);
                    if (premultiplied) {
                        int alpha = toByte(row[pixel + bands - 1], signed ? 15 : bits[bands - 1]);
                        value = alpha == 0 ? 0 : Math.min(255, (value * 255 + alpha / 2) / alpha);
                    }
                    rgb[target++] = (byte) value;
                }
            }
        }
    }

    /** A sample of any depth as 8 bits: wider ones keep their upper bits, as in Pillow. */
    private static int toByte(int sample, int bits) {
        if (bits >= 8) {
            return Math.max(0, sample >>> (bits - 8)) & 0xff;
        }
        int most = (1 << bits) - 1;
        return (sample * 255 + most / 2) / most;
    }

    /** Floating-point samples run from 0 to 1. */
    private static void readFloats(BufferedImage image, byte[] rgb) {
        Raster raster = image.getRaster();
        int width = raster.getWidth();
        int bands = raster.getNumBands();
        boolean grey = isGrey(image.getColorModel());
        boolean premultiplied = image.getColorModel().hasAlpha() && image.isAlphaPremultiplied();
        double[] row = new double[width * bands];
        int target = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++) {
                int pixel = x * bands;
                double alpha = premultiplied ? row[pixel + bands - 1] : 1;
                for (int channel = 0; channel < 3; channel++) {
                    double value = row[pixel + (grey ? 0 : channel)];
                    double opaque = alpha == 0 ? 0 : value / alpha;
                    rgb[target++] = (byte) Math.round(255 * Math.max(0, Math.min(1, opaque)));
                }
            }
        }
    }

    /** The rare rest, such as CMYK in memory, through its own colour space. */
    private static void convert(BufferedImage image, byte[] rgb) {
        int width = image.getWidth();
        int[] row = new int[width];
        int target = 0;
        for (int y = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, width, 1, row, 0, width);
            for (int colour : row) {
                rgb[target++] = (byte) (colour >> 16);
                rgb[target++] = (byte) (colour >> 8);
                rgb[target++] = (byte) colour;
            }
        }
    }

    private static boolean isFloatingPoint(BufferedImage image) {
        int type = image.getRaster().getTransferType();
        return type == DataBuffer.TYPE_FLOAT || type == DataBuffer.TYPE_DOUBLE;
    }

    private static boolean isGrey(ColorModel model) {
        return model.getColorSpace().getType() == ColorSpace.TYPE_GRAY;
    }
}
