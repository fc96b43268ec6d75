package io.m3j.video;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avcodec.AVPacketSideData;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * Writes videos to read: frames of 64 × 48 pixels whose number stands in them as 12 black or white cells, two
 * rows of six, large enough to outlive any codec.
 */
final class TestVideo {

    static final int WIDTH = 64;
    static final int HEIGHT = 48;

    private static final int COLUMNS = 6;
    private static final int ROWS = 2;
    private static final int SOUND_RATE = 8000;

    private final String codec;
    private int frames = 50;
    private int rate = 25;
    private int keyEvery = 12;
    private int betweenReferences;
    private int degrees;
    private int stretch = 1;
    private int secondsOfSound;
    private long offset;
    private String movflags = "";
    private IntFunction<byte[]> picture = TestVideo::frame;
    private IntToLongFunction tick = i -> i;

    private TestVideo(String codec) {
        this.codec = codec;
    }

    /** 50 frames at 25 a second, unless something else is said. */
    static TestVideo of(String codec) {
        return new TestVideo(codec);
    }

    TestVideo frames(int count, int framesPerSecond) {
        frames = count;
        rate = framesPerSecond;
        return this;
    }

    TestVideo keyEvery(int count) {
        keyEvery = count;
        return this;
    }

    /** Frames that refer to later ones, which are coded before them: so many in a row. */
    TestVideo lookingAhead(int count) {
        betweenReferences = count;
        return this;
    }

    /** Against the clock. */
    TestVideo turned(int by) {
        degrees = by;
        return this;
    }

    TestVideo stretched(int by) {
        stretch = by;
        return this;
    }

    /** Beside the pictures, or instead of them where there are none. */
    TestVideo sound(int seconds) {
        secondsOfSound = seconds;
        return this;
    }

    TestVideo startingAt(int seconds) {
        offset = seconds;
        return this;
    }

    TestVideo movflags(String flags) {
        movflags = flags;
        return this;
    }

    TestVideo pictures(IntFunction<byte[]> ofNumber) {
        picture = ofNumber;
        return this;
    }

    /** When a frame is shown, in frames of the rate. */
    TestVideo at(IntToLongFunction ticks) {
        tick = ticks;
        return this;
    }

    /** Red, green and blue of a frame. */
    static byte[] frame(int number) {
        byte[] rgb = new byte[3 * WIDTH * HEIGHT];
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                int bit = y * ROWS / HEIGHT * COLUMNS + x * COLUMNS / WIDTH;
                int from = 3 * (y * WIDTH + x);
                Arrays.fill(rgb, from, from + 3, (byte) ((number >> bit & 1) == 1 ? 255 : 0));
            }
        }
        return rgb;
    }

    /** The number of a frame, from the middles of its cells. */
    static int number(byte[] rgb) {
        int number = 0;
        for (int bit = 0; bit < COLUMNS * ROWS; bit++) {
            int y = (2 * (bit / COLUMNS) + 1) * HEIGHT / (2 * ROWS);
            int x = (2 * (bit % COLUMNS) + 1) * WIDTH / (2 * COLUMNS);
            if ((rgb[3 * (y * WIDTH + x)] & 0xff) > 127) {
                number |= 1 << bit;
            }
        }
        return number;
    }

    Path write(Path file) {
        Ffmpeg.load("test video");
        AVFormatContext format = new AVFormatContext(null);
        check(avformat.avformat_alloc_output_context2(format, null, null, file.toString()));
        AVCodecContext encoder = frames > 0 ? encoder(format) : null;
        AVStream video = encoder == null ? null : videoStream(format, encoder);
        AVStream sound = secondsOfSound > 0 ? soundStream(format) : null;
        AVIOContext io = new AVIOContext(null);
        check(avformat.avio_open(io, file.toString(), avformat.AVIO_FLAG_WRITE));
        format.pb(io);
        AVDictionary options = new AVDictionary(null);
        if (!movflags.isEmpty()) {
            avutil.av_dict_set(options, "movflags", movflags, 0);
        }
        check(avformat.avformat_write_header(format, options));
        AVPacket packet = avcodec.av_packet_alloc();
        for (int second = 0; second < secondsOfSound; second++) {
            check(avcodec.av_new_packet(packet, 2 * SOUND_RATE));
            packet.data().limit(2 * SOUND_RATE).fill(0);
            packet.stream_index(sound.index());
            packet.pts((long) second * SOUND_RATE).dts((long) second * SOUND_RATE);
            packet.duration(SOUND_RATE);
            avcodec.av_packet_rescale_ts(packet, rational(1, SOUND_RATE), sound.time_base());
            check(avformat.av_interleaved_write_frame(format, packet));
        }
        if (encoder != null) {
            encode(format, encoder, video, packet);
            avcodec.avcodec_free_context(encoder);
        }
        check(avformat.av_write_trailer(format));
        avcodec.av_packet_free(packet);
        avformat.avio_closep(format.pb());
        avformat.avformat_free_context(format);
        return file;
    }

    private AVCodecContext encoder(AVFormatContext format) {
        AVCodec found = avcodec.avcodec_find_encoder_by_name(codec);
        AVCodecContext encoder = avcodec.avcodec_alloc_context3(found);
        encoder.width(WIDTH).height(HEIGHT);
        encoder.time_base(rational(1, rate)).framerate(rational(rate, 1));
        encoder.sample_aspect_ratio(rational(stretch, 1));
        encoder.gop_size(keyEvery).pix_fmt(pixels()).thread_count(1);
        encoder.max_b_frames(betweenReferences);
        encoder.bit_rate(codec.equals("libsvtav1") ? 0 : 400_000); // that one has its own way
        if ((format.oformat().flags() & avformat.AVFMT_GLOBALHEADER) != 0) {
            encoder.flags(encoder.flags() | avcodec.AV_CODEC_FLAG_GLOBAL_HEADER);
        }
        if (codec.equals("mjpeg")) {
            encoder.color_range(avutil.AVCOL_RANGE_JPEG);
        }
        check(avcodec.avcodec_open2(encoder, found, (PointerPointer<?>) null));
        return encoder;
    }

    private int pixels() {
        return switch (codec) {
            case "gif" -> avutil.AV_PIX_FMT_RGB8;
            case "mjpeg" -> avutil.AV_PIX_FMT_YUVJ420P;
            case "cinepak" -> avutil.AV_PIX_FMT_RGB24;
            default -> avutil.AV_PIX_FMT_YUV420P;
        };
    }

    private AVStream videoStream(AVFormatContext format, AVCodecContext encoder) {
        AVStream stream = avformat.avformat_new_stream(format, null);
        check(avcodec.avcodec_parameters_from_context(stream.codecpar(), encoder));
        stream.time_base(encoder.time_base());
        stream.avg_frame_rate(rational(rate, 1));
        stream.sample_aspect_ratio(encoder.sample_aspect_ratio());
        if (degrees != 0) {
            BytePointer bytes = new BytePointer(avutil.av_malloc(36)).capacity(36);
            // FFmpeg's own convention here is with the clock.
            avutil.av_display_rotation_set(new IntPointer(bytes), -degrees);
            AVPacketSideData side = new AVPacketSideData(null);
            AVPacketSideData added =
                    avcodec.av_packet_side_data_add(
                            new PointerPointer<AVPacketSideData>(1).put(side),
                            new IntPointer(new int[] {0}),
                            avcodec.AV_PKT_DATA_DISPLAYMATRIX,
                            bytes,
                            36,
                            0);
            stream.codecpar().coded_side_data(added);
            stream.codecpar().nb_coded_side_data(1);
        }
        return stream;
    }

    private static AVStream soundStream(AVFormatContext format) {
        AVStream stream = avformat.avformat_new_stream(format, null);
        stream.codecpar().codec_type(avutil.AVMEDIA_TYPE_AUDIO);
        stream.codecpar().codec_id(avcodec.AV_CODEC_ID_PCM_S16LE);
        stream.codecpar().sample_rate(SOUND_RATE).format(avutil.AV_SAMPLE_FMT_S16);
        avutil.av_channel_layout_default(stream.codecpar().ch_layout(), 1);
        stream.time_base(rational(1, SOUND_RATE));
        return stream;
    }

    private void encode(
            AVFormatContext format, AVCodecContext encoder, AVStream stream, AVPacket packet) {
        SwsContext scaler = swscale.sws_alloc_context();
        AVFrame rgb = room(avutil.AV_PIX_FMT_RGB24);
        rgb.color_range(avutil.AVCOL_RANGE_JPEG);
        for (int i = 0; i <= frames; i++) {
            if (i == frames) {
                check(avcodec.avcodec_send_frame(encoder, null));
            } else {
                byte[] pixels = picture.apply(i);
                for (int y = 0; y < HEIGHT; y++) {
                    rgb.data(0)
                            .position((long) y * rgb.linesize(0))
                            .put(pixels, 3 * WIDTH * y, 3 * WIDTH);
                }
                AVFrame coded = room(encoder.pix_fmt());
                if (codec.equals("mjpeg")) {
                    coded.color_range(avutil.AVCOL_RANGE_JPEG);
                }
                check(swscale.sws_scale_frame(scaler, coded, rgb));
                coded.pts(tick.applyAsLong(i) + offset * rate);
                coded.sample_aspect_ratio(encoder.sample_aspect_ratio());
                check(avcodec.avcodec_send_frame(encoder, coded));
                avutil.av_frame_free(coded);
            }
            while (avcodec.avcodec_receive_packet(encoder, packet) >= 0) {
                packet.stream_index(stream.index());
                if (packet.duration() == 0) {
                    packet.duration(1);
                }
                avcodec.av_packet_rescale_ts(packet, encoder.time_base(), stream.time_base());
                check(avformat.av_interleaved_write_frame(format, packet));
            }
        }
        avutil.av_frame_free(rgb);
        swscale.sws_free_context(scaler);
    }

    private static AVFrame room(int format) {
        AVFrame frame = avutil.av_frame_alloc();
        frame.format(format);
        frame.width(WIDTH);
        frame.height(HEIGHT);
        check(avutil.av_frame_get_buffer(frame, 0));
        return frame;
    }

    private static AVRational rational(int numerator, int denominator) {
        return avutil.av_make_q(numerator, denominator);
    }

    private static void check(int error) {
        if (error < 0) {
            throw new AssertionError(Ffmpeg.reason(error));
        }
    }
}
