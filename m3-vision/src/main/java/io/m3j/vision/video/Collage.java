package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import io.m3j.vision.PillowResize;
import io.m3j.vision.ResampleFilter;
import java.util.List;

/**
 * Frames side by side in one picture, row by row from the upper left: how the paper shows a video to a
 * model that knows single pictures (arXiv 2405.17430; the grid is that of IG-VLM, arXiv 2403.18406).
 *
 * @param columns frames in a row, at least 1
 * @param rows at least 1
 */
public record Collage(int columns, int rows) {

    /** The paper's: six frames, two in a row. */
    public static final Collage SIX = new Collage(2, 3);

    private static final int MOST = 1000;

    /** Checks the grid. */
    public Collage {
        if (columns < 1 || rows < 1 || columns > MOST || rows > MOST) {
            throw new M3Exception(
                    "collage: expected 1 to "
                            + MOST
                            + " columns and rows, found "
                            + columns
                            + "×"
                            + rows);
        }
    }

    /**
     * @return how many frames it shows
     */
    public int frames() {
        return columns * rows;
    }

    /**
     * Joins frames without a border between them. Each cell is as large as the first frame; one of another
     * size is resized to it. Fewer frames than cells are repeated in order, as evenly as can be: of three,
     * each is shown twice in a row.
     *
     * @param frames in the order of their times, at least 1, at most {@link #frames()}
     * @return one picture, columns × rows times as large as the first frame
     * @throws M3Exception if there are none or too many, or the picture would be too large
     */
    public M3Image join(List<M3Image> frames) {
        if (required(frames, "frames").isEmpty() || frames.size() > frames()) {
            throw new M3Exception(
                    "collage: expected 1 to " + frames() + " frames, found " + frames.size());
        }
        int width = frames.get(0).width();
        int height = frames.get(0).height();
        requireRoom(width, height);
        byte[] rgb = new byte[3 * columns * rows * width * height];
        int line = 3 * width;
        for (int cell = 0; cell < frames(); cell++) {
            M3Image frame = frames.get((int) ((long) cell * frames.size() / frames()));
            byte[] pixels = sized(frame, width, height).rgb();
            int left = cell % columns;
            int top = cell / columns * height;
            for (int y = 0; y < height; y++) {
                System.arraycopy(pixels, y * line, rgb, ((top + y) * columns + left) * line, line);
            }
        }
        return M3Image.ofRgb(columns * width, rows * height, rgb);
    }

    private void requireRoom(int width, int height) {
        long pixels = (long) width * columns * height * rows;
        if (pixels > Integer.MAX_VALUE / 3 - 8
                || (long) width * columns > M3Image.LONGEST_SIDE
                || (long) height * rows > M3Image.LONGEST_SIDE) {
            throw new M3Exception(
                    "collage: "
                            + columns
                            + "×"
                            + rows
                            + " frames of "
                            + width
                            + "×"
                            + height
                            + " pixels are more than a picture may have; make the frames smaller");
        }
    }

    private static M3Image sized(M3Image frame, int width, int height) {
        return frame.width() == width && frame.height() == height
                ? frame
                : PillowResize.resize(frame, width, height, ResampleFilter.BICUBIC);
    }
}
