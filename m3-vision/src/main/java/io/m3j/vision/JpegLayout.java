package io.m3j.vision;

import java.awt.image.Raster;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What the samples of a JPEG mean, which its markers tell, and their way to red, green and blue.
 *
 * <p>The rules are libjpeg's ({@code default_decompress_parms} in {@code jdapimin.c}), the
 * arithmetic is that of its {@code jdcolor.c} and, for CMYK, of Pillow's {@code Convert.c}. Java's
 * own conversion would go through colour profiles, which Pillow ignores.
 */
enum JpegLayout {
    GREY(1) {
        @Override
        void convert(int[] samples, int from, byte[] rgb, int to) {
            set(rgb, to, samples[from], samples[from], samples[from]);
        }
    },
    RGB(3) {
        @Override
        void convert(int[] samples, int from, byte[] rgb, int to) {
            set(rgb, to, samples[from], samples[from + 1], samples[from + 2]);
        }
    },
    YCBCR(3) {
        @Override
        void convert(int[] samples, int from, byte[] rgb, int to) {
            toRgb(samples, from);
            set(rgb, to, samples[from], samples[from + 1], samples[from + 2]);
        }
    },
    /** Stored inverted, as Adobe does it and Pillow assumes: 255 is no ink. */
    CMYK(4) {
        @Override
        void convert(int[] samples, int from, byte[] rgb, int to) {
            int paper = samples[from + 3];
            for (int channel = 0; channel < 3; channel++) {
                int product = (255 - samples[from + channel]) * paper + 128;
                rgb[to + channel] = (byte) (paper - ((product >> 8) + product >> 8));
            }
        }
    },
    YCCK(4) {
        @Override
        void convert(int[] samples, int from, byte[] rgb, int to) {
            toRgb(samples, from);
            for (int channel = 0; channel < 3; channel++) {
                samples[from + channel] = 255 - samples[from + channel];
            }
            CMYK.convert(samples, from, rgb, to);
        }
    };

    /** The most passes over a progressive picture; cameras and encoders make some ten. */
    private static final int MOST_SCANS = 500;

    private static final int ADOBE = 0xEE;
    private static final int JFIF = 0xE0;
    private static final int START_OF_SCAN = 0xDA;
    private static final int END_OF_IMAGE = 0xD9;

    private final int components;

    JpegLayout(int components) {
        this.components = components;
    }

    /** One pixel; may overwrite its samples. */
    abstract void convert(int[] samples, int from, byte[] rgb, int to);

    M3Image rgb(Raster raster) throws IOException {
        if (raster.getNumBands() != components) {
            throw new IOException(
                    this + " has " + components + " components, found " + raster.getNumBands());
        }
        int width = raster.getWidth();
        byte[] rgb = new byte[3 * width * raster.getHeight()];
        int[] row = new int[width * components];
        int target = 0;
        for (int y = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int from = 0; from < row.length; from += components, target += 3) {
                convert(row, from, rgb, target);
            }
        }
        return M3Image.adopt(width, raster.getHeight(), rgb);
    }

    /** Walks the markers; entropy-coded data hold none but those of restarts. */
    static JpegLayout of(byte[] encoded) throws IOException {
        boolean jfif = false;
        int adobe = -1;
        byte[] ids = null;
        int scans = 0;
        boolean ended = false;
        int at = 2;
        while (at + 1 < encoded.length) {
            int marker = encoded[at + 1] & 0xff;
            if (encoded[at] != -1 || marker == 0 || marker == 0xff || isBare(marker)) {
                at++;
                continue;
            }
            if (marker == END_OF_IMAGE) {
                ended = true;
                break;
            }
            int length = at + 3 < encoded.length ? unsignedShort(encoded, at + 2) : 0;
            int end = at + 2 + length;
            if (length < 2 || end > encoded.length) {
                throw new EOFException("a segment runs past the end of the file");
            }
            if (marker == JFIF && says(encoded, at, "JFIF\0")) {
                jfif = true;
            } else if (marker == ADOBE && says(encoded, at, "Adobe") && length >= 14) {
                adobe = encoded[at + 15] & 0xff;
            } else if (isFrame(marker) && ids == null && length >= 8) {
                ids = componentIds(encoded, at, end);
            } else if (marker == START_OF_SCAN && ++scans > MOST_SCANS) {
                throw new IOException("more than " + MOST_SCANS + " scans");
            }
            at = end;
        }
        if (ids == null) {
            throw new IOException("no frame header");
        }
        // The reader ends a progressive picture silently where its file ends: blurred.
        if (!ended) {
            throw new EOFException("no end-of-image marker");
        }
        return of(ids, jfif, adobe);
    }

    private static JpegLayout of(byte[] ids, boolean jfif, int adobe) throws IOException {
        switch (ids.length) {
            case 1:
                return GREY;
            case 3:
                boolean named = Arrays.equals(ids, new byte[] {'R', 'G', 'B'});
                boolean plain = adobe == 0 || adobe < 0 && named;
                return !jfif && plain ? RGB : YCBCR;
            case 4:
                return adobe > 0 ? YCCK : CMYK;
            default:
                throw new IOException("1, 3 or 4 components expected, found " + ids.length);
        }
    }

    private static byte[] componentIds(byte[] encoded, int at, int end) throws IOException {
        byte[] ids = new byte[encoded[at + 9] & 0xff];
        if (at + 10 + 3 * ids.length > end) {
            throw new EOFException("the frame header is cut short");
        }
        for (int i = 0; i < ids.length; i++) {
            ids[i] = encoded[at + 10 + 3 * i];
        }
        return ids;
    }

    /** Start-of-frame markers, less those of Huffman and arithmetic tables among their numbers. */
    private static boolean isFrame(int marker) {
        return marker >= 0xC0
                && marker <= 0xCF
                && marker != 0xC4
                && marker != 0xC8
                && marker != 0xCC;
    }

    /** Markers without a length: restarts, start of image, and the temporary one. */
    private static boolean isBare(int marker) {
        return marker >= 0xD0 && marker <= 0xD8 || marker == 0x01;
    }

    private static boolean says(byte[] encoded, int at, String text) {
        byte[] expected = text.getBytes(StandardCharsets.US_ASCII);
        int from = at + 4;
        return from + expected.length <= encoded.length
                && Arrays.equals(
                        encoded, from, from + expected.length, expected, 0, expected.length);
    }

    private static int unsignedShort(byte[] encoded, int offset) {
        return (encoded[offset] & 0xff) << 8 | encoded[offset + 1] & 0xff;
    }

    /** ITU-R BT.601 in libjpeg's 16-bit fixed point, in place. */
    private static void toRgb(int[] samples, int from) {
        int luma = samples[from];
        int blueness = samples[from + 1] - 128;
        int redness = samples[from + 2] - 128;
        int half = 1 << 15;
        samples[from] = clip(luma + (91881 * redness + half >> 16));
        samples[from + 1] = clip(luma + (-22554 * blueness - 46802 * redness + half >> 16));
        samples[from + 2] = clip(luma + (116130 * blueness + half >> 16));
    }

    private static int clip(int value) {
        return Math.max(0, Math.min(255, value));
    }

    private static void set(byte[] rgb, int to, int red, int green, int blue) {
        rgb[to] = (byte) red;
        rgb[to + 1] = (byte) green;
        rgb[to + 2] = (byte) blue;
    }
}
