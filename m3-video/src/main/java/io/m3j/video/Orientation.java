package io.m3j.video;

import io.m3j.vision.M3Image;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.ffmpeg.avcodec.AVCodecParameters;
import org.bytedeco.ffmpeg.avcodec.AVPacketSideData;
import org.bytedeco.ffmpeg.global.avcodec;

/**
 * How a picture is turned before it is shown, as the camera was held: a pixel at (x, y) comes to (xx·x +
 * xy·y, yx·x + yy·y). A file's display matrix says it (ISO/IEC 14496-12, 8.3.2.3).
 *
 * @param xx −1, 0 or 1, as all of them
 */
record Orientation(int xx, int xy, int yx, int yy) {

    static final Orientation AS_STORED = new Orientation(1, 0, 0, 1);

    /** 9 numbers of 32 bits. */
    private static final int MATRIX_BYTES = 36;

    /** The file's; as stored if it says none, or one that is no quarter turn. */
    static Orientation of(AVCodecParameters parameters) {
        AVPacketSideData side =
                avcodec.av_packet_side_data_get(
                        parameters.coded_side_data(),
                        parameters.nb_coded_side_data(),
                        avcodec.AV_PKT_DATA_DISPLAYMATRIX);
        if (side == null || side.isNull() || side.size() < MATRIX_BYTES) {
            return AS_STORED;
        }
        ByteBuffer numbers =
                side.data().capacity(MATRIX_BYTES).asByteBuffer().order(ByteOrder.nativeOrder());
        int[] m = new int[MATRIX_BYTES / Integer.BYTES];
        numbers.asIntBuffer().get(m);
        // Rows a b u, c d v, x y w: x' = a·x + c·y, y' = b·x + d·y.
        Orientation found =
                new Orientation(
                        Integer.signum(m[0]),
                        Integer.signum(m[3]),
                        Integer.signum(m[1]),
                        Integer.signum(m[4]));
        boolean quarters =
                found.xx != 0 && found.yy != 0 && found.xy == 0 && found.yx == 0
                        || found.xx == 0 && found.yy == 0 && found.xy != 0 && found.yx != 0;
        return quarters ? found : AS_STORED;
    }

    /** The picture as it is shown. */
    M3Image turn(int width, int height, byte[] rgb) {
        if (equals(AS_STORED)) {
            return M3Image.ofRgb(width, height, rgb);
        }
        int turnedWidth = xx == 0 ? height : width;
        int turnedHeight = xx == 0 ? width : height;
        // What is turned to the left of 0, or above it, comes back by the picture's size.
        int left = (xx < 0 ? width - 1 : 0) + (xy < 0 ? height - 1 : 0);
        int top = (yx < 0 ? width - 1 : 0) + (yy < 0 ? height - 1 : 0);
        byte[] turned = new byte[rgb.length];
        for (int y = 0, from = 0; y < height; y++) {
            for (int x = 0; x < width; x++, from += 3) {
                int to = 3 * ((top + yx * x + yy * y) * turnedWidth + left + xx * x + xy * y);
                turned[to] = rgb[from];
                turned[to + 1] = rgb[from + 1];
                turned[to + 2] = rgb[from + 2];
            }
        }
        return M3Image.ofRgb(turnedWidth, turnedHeight, turned);
    }
}
