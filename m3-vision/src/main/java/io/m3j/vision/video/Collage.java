package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import io.m3j.vision.Resolution;
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

    /**
     * The most pixels of a collage: six frames of four million, 75 MB. The canvases of LLaVA-NeXT have less
     * than a fiftieth of them.
     */
    public static final int MOST_PIXELS = 6 << 22;

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
     * Takes as many frames of a video as this shows, evenly spread, and joins them. Frames of more pixels than
     * a cell may have are made smaller as they come, before they are held.
     *
     * @param video not begun; not closed
     * @return the collage, with the time of its first frame
     * @throws M3Exception if the video is damaged or has no frame
     */
    public Frame of(VideoFrames video) {
        VideoFrames reduced = new ReducedFrames(required(video, "video"), this::cell);
        List<Frame> frames = new Sampling.Uniform(frames()).frames(reduced);
        return new Frame(frames.get(0).time(), join(frames.stream().map(Frame::picture).toList()));
    }

    /**
     * Joins frames without a border between them. Each cell is as large as the first frame, or smaller where
     * the collage would have more than {@link #MOST_PIXELS} or a side that no picture has; a frame of another
     * size is resized to it. Fewer frames than cells are repeated in order, as evenly as can be: of three, each
     * is shown twice in a row.
     *
     * @param frames in the order of their times, at least 1, at most {@link #frames()}
     * @return one picture, columns × rows times as large as a cell
     * @throws M3Exception if there are none or too many
     */
    public M3Image join(List<M3Image> frames) {
        if (required(frames, "frames").isEmpty() || frames.size() > frames()) {
            throw new M3Exception(
                    "collage: expected 1 to " + frames() + " frames, found " + frames.size());
        }
        Resolution cell = cell(frames.get(0).width(), frames.get(0).height());
        int width = cell.width();
        int height = cell.height();
        byte[] rgb = new byte[3 * columns * rows * width * height];
        int line = 3 * width;
        for (int place = 0; place < frames(); place++) {
            M3Image frame = frames.get((int) ((long) place * frames.size() / frames()));
            byte[] pixels = ReducedFrames.sized(frame, cell).rgb();
            int left = place % columns;
            int top = place / columns * height;
            for (int y = 0; y < height; y++) {
                System.arraycopy(pixels, y * line, rgb, ((top + y) * columns + left) * line, line);
            }
        }
        return M3Image.ofRgb(columns * width, rows * height, rgb);
    }

    /** The size of a cell for frames of a size: that size, or the largest of its shape for which there is room. */
    Resolution cell(int width, int height) {
        return ReducedFrames.fitting(
                width,
                height,
                MOST_PIXELS / frames(),
                (double) M3Image.LONGEST_SIDE / columns,
                (double) M3Image.LONGEST_SIDE / rows);
    }
}
