package io.m3j.vision;

/**
 * In which order a checkpoint's {@code image_grid_pinpoints} name their sides. It decides more than
 * how a pair is read: of two canvases that serve a picture equally well the first of the list is
 * taken, and for {@code [336, 672]} before {@code [672, 336]} that is the upright one in the one order
 * and the lying one in the other.
 */
public enum PinpointOrder {
    /** LLaVA's own layout. */
    WIDTH_HEIGHT,
    /** Hugging Face's. */
    HEIGHT_WIDTH;

    /**
     * @param first of a pair
     * @param second of a pair
     * @return the canvas that it means
     */
    public Resolution resolution(int first, int second) {
        return this == WIDTH_HEIGHT ? new Resolution(first, second) : new Resolution(second, first);
    }
}
