package io.m3j.vision;

import io.m3j.core.M3Exception;

/**
 * Width and height in pixels.
 *
 * @param width pixels in a row
 * @param height rows
 */
public record Resolution(int width, int height) {

    /** Checks that there is at least one pixel. */
    public Resolution {
        if (width < 1 || height < 1) {
            throw new M3Exception(
                    "resolution " + width + "×" + height + ": expected sides of at least 1 pixel");
        }
    }

    @Override
    public String toString() {
        return width + "×" + height;
    }
}
