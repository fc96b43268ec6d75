package io.m3j.vision;

import io.m3j.core.M3Exception;

/**
 * How an encoded picture is read, and how much of the machine it may ask for.
 *
 * @param orientation what becomes of the EXIF orientation that cameras write
 * @param maxPixels the most pixels (width × height) that are decoded; a small file can claim billions
 * @param maxBytes the most bytes of an encoded picture that are read
 */
public record ImageReading(Orientation orientation, long maxPixels, long maxBytes) {

    /** What becomes of the EXIF orientation. */
    public enum Orientation {
        /** The picture is turned the way its camera meant it to be seen. */
        HONOUR,
        /** The picture stays as it is stored, which is what the reference implementation does. */
        IGNORE
    }

    private static final long DEFAULT_PIXELS = 100_000_000;
    private static final long DEFAULT_BYTES = 256L << 20;

    /** One Java array holds three bytes a pixel. */
    static final long MOST_PIXELS = (Integer.MAX_VALUE - 8) / 3;

    private static final long MOST_BYTES = Integer.MAX_VALUE - 8;

    private static final ImageReading DEFAULTS =
            new ImageReading(Orientation.HONOUR, DEFAULT_PIXELS, DEFAULT_BYTES);

    /** Checks the limits. */
    public ImageReading {
        if (orientation == null) {
            throw new M3Exception("orientation: HONOUR or IGNORE expected, found null");
        }
        requireWithin("maxPixels", maxPixels, MOST_PIXELS);
        requireWithin("maxBytes", maxBytes, MOST_BYTES);
    }

    /**
     * @return orientation honoured, at most 100 million pixels, at most 256 MiB of file
     */
    public static ImageReading defaults() {
        return DEFAULTS;
    }

    /**
     * @param chosen what becomes of the EXIF orientation
     * @return these options with that changed
     */
    public ImageReading withOrientation(Orientation chosen) {
        return new ImageReading(chosen, maxPixels, maxBytes);
    }

    /**
     * @param limit the most pixels that are decoded
     * @return these options with that changed
     */
    public ImageReading withMaxPixels(long limit) {
        return new ImageReading(orientation, limit, maxBytes);
    }

    /**
     * @param limit the most bytes of an encoded picture
     * @return these options with that changed
     */
    public ImageReading withMaxBytes(long limit) {
        return new ImageReading(orientation, maxPixels, limit);
    }

    private static void requireWithin(String name, long value, long most) {
        if (value < 1 || value > most) {
            throw new M3Exception(name + ": 1 to " + most + " expected, found " + value);
        }
    }
}
