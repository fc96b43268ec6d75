package io.m3j.vision;

import io.m3j.core.M3Exception;
import java.util.Arrays;

/**
 * Pillow's resize of 8-bit pictures, bit for bit ({@code libImaging/Resample.c} of Pillow 9.4).
 *
 * <p>The vision towers were trained on pictures resized by Pillow; a resize that differs by one
 * level in a pixel already moves the logits. So the arithmetic is Pillow's: weights in double
 * precision, normalised, rounded to 22 fractional bits; rows first, rounded and clipped to 8 bits,
 * columns after.
 */
public final class PillowResize {

    /** 32 bits less 8 of the pixel and 2 of head room for the overshoot of the kernels. */
    private static final int PRECISION_BITS = 32 - 8 - 2;

    private static final int ONE = 1 << PRECISION_BITS;
    private static final int HALF = ONE >> 1;

    private PillowResize() {}

    /**
     * As {@code image.resize((width, height), filter)}.
     *
     * @param image the source
     * @param width of the result, pixels
     * @param height of the result, pixels
     * @param filter the kernel
     * @return the resized picture
     * @throws M3Exception if the size is not one that a picture can have
     */
    public static M3Image resize(M3Image image, int width, int height, ResampleFilter filter) {
        M3Image.requireSize("resize", width, height, ImageReading.MOST_PIXELS);
        byte[] rgb = window(Canvas.of(image), width, height, filter, 0, 0, width, height);
        return M3Image.adopt(width, height, rgb);
    }

    /**
     * One window of the resized picture; only what it needs is computed.
     *
     * @param canvas the source
     * @param scaledWidth of the whole result
     * @param scaledHeight of the whole result
     * @param left first column of the window in the result
     * @param top first row of the window in the result
     * @return height × width × 3 bytes
     */
    static byte[] window(
            Canvas canvas,
            int scaledWidth,
            int scaledHeight,
            ResampleFilter filter,
            int left,
            int top,
            int width,
            int height) {
        Axis columns = Axis.of(canvas.width(), scaledWidth, filter, left, width);
        Axis rows = Axis.of(canvas.height(), scaledHeight, filter, top, height);
        Narrowed narrowed = new Narrowed(canvas, columns);

        // Rows of the source come one by one and are added to those of the result that see them: a
        // long picture is never held as wide as its result.
        byte[] result = new byte[3 * width * height];
        int[][] sums = new int[height][];
        int done = 0;
        for (int row = rows.first[0]; row < rows.end(); row++) {
            byte[] source = narrowed.row(row);
            for (int y = done; y < height && rows.first[y] <= row; y++) {
                if (sums[y] == null) {
                    sums[y] = new int[3 * width];
                    Arrays.fill(sums[y], HALF);
                }
                int k = row - rows.first[y];
                if (k < rows.count[y]) {
                    addWeighted(source, rows.weight(y, k), sums[y]);
                }
                if (k + 1 >= rows.count[y]) {
                    clip(sums[y], result, y * 3 * width);
                    sums[y] = null;
                    done = y + 1;
                }
            }
        }
        return result;
    }

    private static void clip(int[] sums, byte[] result, int target) {
        for (int i = 0; i < sums.length; i++) {
            result[target + i] = clip(sums[i]);
        }
    }

    /** Rows of the source, each already as wide as the window. */
    private static final class Narrowed {

        private final Canvas canvas;
        private final Axis columns;
        private final byte[] padded;
        private final byte[] blank;
        private final byte[] narrowed;
        private final int start;
        private final int end;

        Narrowed(Canvas canvas, Axis columns) {
            this.canvas = canvas;
            this.columns = columns;
            this.padded = canvas.backgroundRow();
            this.blank = new byte[3 * columns.first.length];
            resizeRow(padded, 0, columns, 0, columns.first.length, blank);
            this.narrowed = blank.clone();
            // Only positions that see the picture differ from the bare background.
            this.start = columns.firstThatSees(canvas.left());
            this.end = columns.endOfThoseThatSee(canvas.left() + canvas.picture().width());
        }

        /** One of them; the next call overwrites it. */
        byte[] row(int row) {
            if (!canvas.showsPicture(row)) {
                return blank;
            }
            M3Image picture = canvas.picture();
            int stride = 3 * picture.width();
            int source = (row - canvas.top()) * stride;
            if (canvas.width() == picture.width()) {
                resizeRow(picture.bytes(), source, columns, start, end, narrowed);
            } else {
                System.arraycopy(picture.bytes(), source, padded, 3 * canvas.left(), stride);
                resizeRow(padded, 0, columns, start, end, narrowed);
            }
            return narrowed;
        }
    }

    private static void resizeRow(
            byte[] source, int offset, Axis columns, int start, int end, byte[] result) {
        for (int x = start; x < end; x++) {
            int red = HALF;
            int green = HALF;
            int blue = HALF;
            int from = offset + 3 * columns.first[x];
            int weights = x * columns.stride;
            for (int k = 0; k < columns.count[x]; k++, from += 3) {
                int weight = columns.weights[weights + k];
                red += (source[from] & 0xff) * weight;
                green += (source[from + 1] & 0xff) * weight;
                blue += (source[from + 2] & 0xff) * weight;
            }
            result[3 * x] = clip(red);
            result[3 * x + 1] = clip(green);
            result[3 * x + 2] = clip(blue);
        }
    }

    private static void addWeighted(byte[] row, int weight, int[] sums) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += (row[i] & 0xff) * weight;
        }
    }

    private static byte clip(int sum) {
        return (byte) Math.max(0, Math.min(255, sum >> PRECISION_BITS));
    }

    /**
     * For each position of the window along one axis: the first source position, how many follow,
     * and their weights in fixed point.
     */
    private record Axis(int[] first, int[] count, int[] weights, int stride) {

        static Axis of(int from, int to, ResampleFilter filter, int start, int length) {
            if (from == to) {
                return unchanged(start, length);
            }
            double scale = (double) from / to;
            double widening = Math.max(scale, 1);
            double support = filter.support() * widening;
            double narrowing = 1 / widening;
            int stride = Math.min((int) Math.ceil(support) * 2 + 1, from);
            Axis axis =
                    new Axis(new int[length], new int[length], new int[length * stride], stride);
            double[] exact = new double[stride];
            for (int i = 0; i < length; i++) {
                double centre = (start + i + 0.5) * scale;
                int first = Math.max(0, (int) (centre - support + 0.5));
                int end = Math.min(from, (int) (centre + support + 0.5));
                double total = 0;
                for (int k = 0; k < end - first; k++) {
                    exact[k] = filter.weight((k + first - centre + 0.5) * narrowing);
                    total += exact[k];
                }
                axis.first[i] = first;
                axis.count[i] = end - first;
                for (int k = 0; k < end - first; k++) {
                    double weight = total == 0 ? exact[k] : exact[k] / total;
                    axis.weights[i * stride + k] =
                            (int) (weight < 0 ? weight * ONE - 0.5 : weight * ONE + 0.5);
                }
            }
            return axis;
        }

        /** Pillow skips a pass that changes no size; weighing each pixel by one is the same. */
        private static Axis unchanged(int start, int length) {
            Axis axis = new Axis(new int[length], new int[length], new int[length], 1);
            Arrays.setAll(axis.first, i -> start + i);
            Arrays.fill(axis.count, 1);
            Arrays.fill(axis.weights, ONE);
            return axis;
        }

        int weight(int position, int k) {
            return weights[position * stride + k];
        }

        /** The first position whose weights reach the given source position or one behind it. */
        int firstThatSees(int source) {
            int position = 0;
            while (position < first.length && first[position] + count[position] <= source) {
                position++;
            }
            return position;
        }

        /** One past the last position whose weights start before the given source position. */
        int endOfThoseThatSee(int source) {
            int position = first.length;
            while (position > 0 && first[position - 1] >= source) {
                position--;
            }
            return position;
        }

        /** One past the last source position. */
        int end() {
            return first[first.length - 1] + count[count.length - 1];
        }
    }
}
