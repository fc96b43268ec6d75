package io.m3j.video;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;

/**
 * From a decoded frame to red, green and blue, upright and with square pixels. Owns native memory: whoever
 * makes it closes it.
 */
final class PictureMaker implements AutoCloseable {

    /** From this height on pictures are of ITU-R BT.709 where they do not say what they are of. */
    private static final int HIGH_DEFINITION = 720;

    /** What lies beyond is damage, not a shape of pixels. */
    private static final double MOST_STRETCH = 16;

    private final String name;
    private final Orientation orientation;
    private final ImageReading reading;
    private final SwsContext scaler = swscale.sws_alloc_context();
    private final AVFrame target = avutil.av_frame_alloc();

    PictureMaker(String name, Orientation orientation, ImageReading reading) {
        this.name = name;
        this.orientation = orientation;
        this.reading = reading;
        scaler.flags(
                swscale.SWS_BICUBIC
                        | swscale.SWS_ACCURATE_RND
                        | swscale.SWS_FULL_CHR_H_INT
                        | swscale.SWS_FULL_CHR_H_INP);
    }

    M3Image picture(AVFrame frame) {
        int height = frame.height();
        int width = (int) Math.max(1, Math.round(frame.width() * stretch(frame)));
        if ((long) width * height > reading.maxPixels() || width > M3Image.LONGEST_SIDE) {
            throw new M3Exception(
                    name
                            + ": at most "
                            + reading.maxPixels()
                            + " pixels expected, found "
                            + width
                            + "×"
                            + height
                            + "; raise ImageReading.withMaxPixels");
        }
        if (frame.colorspace() == avutil.AVCOL_SPC_UNSPECIFIED) {
            frame.colorspace(
                    height >= HIGH_DEFINITION
                            ? avutil.AVCOL_SPC_BT709
                            : avutil.AVCOL_SPC_SMPTE170M);
        }
        avutil.av_frame_unref(target);
        target.format(avutil.AV_PIX_FMT_RGB24);
        target.width(width);
        target.height(height);
        target.colorspace(avutil.AVCOL_SPC_RGB);
        target.color_range(avutil.AVCOL_RANGE_JPEG);
        target.color_primaries(frame.color_primaries());
        target.color_trc(frame.color_trc());
        int error = avutil.av_frame_get_buffer(target, 0);
        if (error >= 0) {
            error = swscale.sws_scale_frame(scaler, target, frame);
        }
        if (error < 0) {
            throw new M3Exception(
                    name
                            + ": a frame of "
                            + frame.width()
                            + "×"
                            + height
                            + " cannot be brought into red, green and blue ("
                            + Ffmpeg.reason(error)
                            + ")");
        }
        return orientation.turn(width, height, rows(width, height));
    }

    /** How much wider a pixel is than high. */
    private static double stretch(AVFrame frame) {
        AVRational ratio = frame.sample_aspect_ratio();
        double stretch = (double) ratio.num() / ratio.den();
        return stretch >= 1 / MOST_STRETCH && stretch <= MOST_STRETCH ? stretch : 1;
    }

    private byte[] rows(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        BytePointer data = target.data(0);
        for (int y = 0; y < height; y++) {
            data.position((long) y * target.linesize(0)).get(rgb, 3 * width * y, 3 * width);
        }
        return rgb;
    }

    @Override
    public void close() {
        avutil.av_frame_free(target);
        swscale.sws_free_context(scaler);
    }
}
