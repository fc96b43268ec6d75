package io.m3j.video;

import io.m3j.core.M3Exception;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/** FFmpeg as this house uses it: what it may read, and what its numbers of errors mean. */
final class Ffmpeg {

    /**
     * Containers that hold pictures of their own. Playlists, scripts and devices are not among them: those
     * make a file name other files, or the network.
     */
    static final String FORMATS =
            "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,m4v,h264,hevc,ivf,obu,mxf,"
                    + "yuv4mpegpipe";

    /** What videos are coded in. Decoders of games of the nineties stay shut to files that nobody knows. */
    static final Set<String> CODECS =
            Set.of(
                    "h264",
                    "hevc",
                    "av1",
                    "vp8",
                    "vp9",
                    "mpeg1video",
                    "mpeg2video",
                    "mpeg4",
                    "msmpeg4v2",
                    "msmpeg4v3",
                    "h263",
                    "flv1",
                    "wmv1",
                    "wmv2",
                    "wmv3",
                    "vc1",
                    "theora",
                    "mjpeg",
                    "prores",
                    "dnxhd",
                    "dvvideo",
                    "ffv1",
                    "huffyuv",
                    "ffvhuff",
                    "utvideo",
                    "qtrle",
                    "gif",
                    "png",
                    "rawvideo");

    private static final int MESSAGE = 256;

    private Ffmpeg() {}

    /**
     * Loads the native libraries, once a process.
     *
     * @throws M3Exception if those of this platform are not there
     */
    static void load(String name) {
        try {
            Loader.load(avutil.class);
            Loader.load(avcodec.class);
            Loader.load(avformat.class);
            Loader.load(swscale.class);
        } catch (LinkageError e) {
            throw new M3Exception(
                    name
                            + ": FFmpeg's library for "
                            + Loader.getPlatform()
                            + " cannot be loaded ("
                            + e.getMessage()
                            + "); put org.bytedeco:ffmpeg and org.bytedeco:javacpp with the classifier "
                            + Loader.getPlatform()
                            + " on the class path, or give the frames as a folder of pictures",
                    e);
        }
        avutil.av_log_set_level(avutil.AV_LOG_QUIET); // what matters comes back as an error
    }

    /** A file's name for FFmpeg, which would take {@code http:…} for a place on the network. */
    static BytePointer url(Path file) {
        return text("file:" + file.toAbsolutePath());
    }

    static BytePointer text(String text) {
        return new BytePointer((text + "\0").getBytes(StandardCharsets.UTF_8));
    }

    /** What an error's number means. */
    static String reason(int error) {
        byte[] message = new byte[MESSAGE];
        if (avutil.av_strerror(error, message, message.length) < 0) {
            return "error " + error;
        }
        int length = 0;
        while (message[length] != 0) {
            length++;
        }
        return new String(message, 0, length, StandardCharsets.UTF_8);
    }
}
