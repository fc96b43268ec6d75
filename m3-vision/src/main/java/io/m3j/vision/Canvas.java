package io.m3j.vision;

/**
 * What a resize reads: a picture at an offset on a background that is never written out in full (a
 * 20000 × 3 picture padded to a square would be 400 million pixels of one colour).
 *
 * @param picture what is pasted
 * @param width of the whole, pixels
 * @param height of the whole, pixels
 * @param left column where the picture starts
 * @param top row where the picture starts
 * @param background red, green, blue
 */
record Canvas(M3Image picture, int width, int height, int left, int top, RgbColour background) {

    static Canvas of(M3Image picture) {
        return new Canvas(picture, picture.width(), picture.height(), 0, 0, new RgbColour(0, 0, 0));
    }

    /** The picture in the middle of a square; an odd rest goes to the right or the bottom. */
    static Canvas squared(M3Image picture, RgbColour background) {
        int side = Math.max(picture.width(), picture.height());
        return new Canvas(
                picture,
                side,
                side,
                (side - picture.width()) / 2,
                (side - picture.height()) / 2,
                background);
    }

    boolean showsPicture(int row) {
        return row >= top && row < top + picture.height();
    }

    byte[] backgroundRow() {
        byte[] row = new byte[3 * width];
        for (int i = 0; i < row.length; i += 3) {
            row[i] = (byte) background.red();
            row[i + 1] = (byte) background.green();
            row[i + 2] = (byte) background.blue();
        }
        return row;
    }
}
