package io.m3j.vision;

import io.m3j.core.M3Exception;

/**
 * A colour of 8 bits a channel.
 *
 * @param red 0 to 255
 * @param green 0 to 255
 * @param blue 0 to 255
 */
public record RgbColour(int red, int green, int blue) {

    /** Checks the range. */
    public RgbColour {
        if ((red | green | blue) >>> 8 != 0) {
            throw new M3Exception(
                    "colour: three numbers from 0 to 255 expected, found "
                            + red
                            + ", "
                            + green
                            + ", "
                            + blue);
        }
    }
}
