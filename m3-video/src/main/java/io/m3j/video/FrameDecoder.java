package io.m3j.video;

import io.m3j.core.M3Exception;
import io.m3j.vision.ImageReading;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVCodecParameters;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVInputFormat;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVDictionaryEntry;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * The decoded frames of a file, in the order in which they are shown. Owns native memory: whoever opens it
 * closes it.
 */
final class FrameDecoder implements AutoCloseable {

    private static final double NANOSECONDS = 1e9;

    /** Each holds a frame; more would hold more for little gain. */
    private static final int MOST_THREADS = 4;

    /** A file that ends sooner than this part of its length before its end was cut. */
    private static final double TOLERATED_REST = 0.05;

    private static final double TOLERATED_SECONDS = 0.25;

    /** FFmpeg's name of MPEG's, in which not every frame has a time: behind a jump it guesses others. */
    private static final String PROGRAM_STREAM = "mpeg";

    private final String name;
    private final AVPacket packet = avcodec.av_packet_alloc();
    private AVFormatContext format;
    private AVCodecContext codec;
    private AVStream stream;
    private Optional<Duration> ownLength = Optional.empty();
    private OptionalLong begin = OptionalLong.empty(); // the first frame's time stamp
    private double end; // seconds, of what was read
    private boolean ended;
    private boolean waitsForKey; // behind a jump

    /**
     * @param name for messages
     * @param file a regular file
     * @param reading the limit of pixels
     * @throws M3Exception if it is no video, or of a kind that is not read
     */
    FrameDecoder(String name, Path file, ImageReading reading) {
        this.name = name;
        try {
            openFile(file);
            openStream(reading);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void openFile(Path file) {
        AVFormatContext opened = avformat.avformat_alloc_context();
        AVDictionary options = new AVDictionary(null);
        avutil.av_dict_set(options, "protocol_whitelist", "file", 0);
        avutil.av_dict_set(options, "format_whitelist", Ffmpeg.FORMATS, 0);
        int error;
        try (BytePointer url = Ffmpeg.url(file)) {
            error = avformat.avformat_open_input(opened, url, (AVInputFormat) null, options);
        } finally {
            avutil.av_dict_free(options);
        }
        if (error < 0) { // FFmpeg has freed the context
            throw new M3Exception(
                    name
                            + ": a video file expected (MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, WMV, GIF and"
                            + " the like), but it is not one, is damaged or was cut short ("
                            + Ffmpeg.reason(error)
                            + ")");
        }
        format = opened;
        if (format.iformat().name().getString().equals("gif")) {
            GifBlocks.requireLast(name, file);
        }
        error = avformat.avformat_find_stream_info(format, (PointerPointer<?>) null);
        if (error < 0) {
            throw damaged("its streams cannot be told", error);
        }
    }

    private void openStream(ImageReading reading) {
        stream = pictures();
        for (int i = 0; i < format.nb_streams(); i++) {
            if (i != stream.index()) {
                format.streams(i).discard(avcodec.AVDISCARD_ALL);
            }
        }
        AVCodecParameters parameters = stream.codecpar();
        String coded = avcodec.avcodec_get_name(parameters.codec_id()).getString();
        AVCodec decoder = decoder(parameters.codec_id());
        if (!Ffmpeg.CODECS.contains(coded) || decoder == null || decoder.isNull()) {
            throw new M3Exception(
                    name
                            + ": its pictures are coded as "
                            + coded
                            + ", which is not read; convert it, for instance to H.264 in MP4");
        }
        if ((long) parameters.width() * parameters.height() > reading.maxPixels()) {
            throw new M3Exception(
                    name
                            + ": frames of at most "
                            + reading.maxPixels()
                            + " pixels expected, found "
                            + parameters.width()
                            + "×"
                            + parameters.height()
                            + "; raise ImageReading.withMaxPixels");
        }
        codec = avcodec.avcodec_alloc_context3(decoder);
        int error = avcodec.avcodec_parameters_to_context(codec, parameters);
        codec.pkt_timebase(stream.time_base());
        codec.max_pixels(reading.maxPixels());
        codec.thread_count(Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors()));
        if (error >= 0) {
            error = avcodec.avcodec_open2(codec, decoder, (PointerPointer<?>) null);
        }
        if (error < 0) {
            throw damaged("its decoder of " + coded + " does not start", error);
        }
        ownLength = ownLength();
    }

    /** The stream that a player would show; pictures of an album's cover are none. */
    private AVStream pictures() {
        AVStream found = null;
        for (int i = 0; i < format.nb_streams(); i++) {
            AVStream one = format.streams(i);
            boolean video = one.codecpar().codec_type() == avutil.AVMEDIA_TYPE_VIDEO;
            boolean cover = (one.disposition() & avformat.AV_DISPOSITION_ATTACHED_PIC) != 0;
            boolean preferred = (one.disposition() & avformat.AV_DISPOSITION_DEFAULT) != 0;
            if (video && !cover && (found == null || preferred && !isDefault(found))) {
                found = one;
            }
        }
        if (found == null) {
            throw new M3Exception(
                    name
                            + ": a stream of pictures expected, found "
                            + format.nb_streams()
                            + " streams and none of them");
        }
        return found;
    }

    private static boolean isDefault(AVStream stream) {
        return (stream.disposition() & avformat.AV_DISPOSITION_DEFAULT) != 0;
    }

    /** FFmpeg's own decoder of AV1 needs a graphics card. */
    private static AVCodec decoder(int id) {
        if (id == avcodec.AV_CODEC_ID_AV1) {
            for (String library : new String[] {"libdav1d", "libaom-av1"}) {
                AVCodec found = avcodec.avcodec_find_decoder_by_name(library);
                if (found != null && !found.isNull()) {
                    return found;
                }
            }
        }
        return avcodec.avcodec_find_decoder(id);
    }

    /** The length of the pictures themselves, not of the sound beside them. */
    private Optional<Duration> ownLength() {
        if (isLengthGuessed()) {
            return Optional.empty();
        }
        if (stream.duration() > 0) {
            return Optional.of(duration(stream.duration() * unit()));
        }
        try (BytePointer key = Ffmpeg.text("DURATION")) { // Matroska's, such as 01:00:00.040000000
            AVDictionaryEntry entry = avutil.av_dict_get(stream.metadata(), key, null, 0);
            if (entry != null && !entry.isNull()) {
                return hours(entry.value().getString());
            }
        }
        return Optional.empty();
    }

    private static Optional<Duration> hours(String text) {
        String[] parts = text.split(":");
        try {
            double seconds =
                    Integer.parseInt(parts[0]) * 3600.0
                            + Integer.parseInt(parts[1]) * 60.0
                            + Double.parseDouble(parts[2]);
            return seconds > 0 ? Optional.of(duration(seconds)) : Optional.empty();
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            return Optional.empty(); // then the file's own will do
        }
    }

    /** How long the video is; empty if the file does not say, or only by how large it is. */
    Optional<Duration> length() {
        return ownLength.isPresent() || isLengthGuessed() || format.duration() <= 0
                ? ownLength
                : Optional.of(duration((double) format.duration() / avutil.AV_TIME_BASE));
    }

    /** From the file's size and the bit rate of its header, also where a stream has it. */
    private boolean isLengthGuessed() {
        return format.duration_estimation_method() == avformat.AVFMT_DURATION_FROM_BITRATE;
    }

    Orientation orientation() {
        return Orientation.of(stream.codecpar());
    }

    private double unit() {
        AVRational base = stream.time_base();
        return (double) base.num() / base.den();
    }

    private static Duration duration(double seconds) {
        return Duration.ofNanos(Math.round(Math.max(0, seconds) * NANOSECONDS));
    }

    /**
     * @param frame becomes the next one
     * @return whether there is one
     * @throws M3Exception if the file is damaged or was cut short
     */
    boolean next(AVFrame frame) {
        while (true) {
            int error = avcodec.avcodec_receive_frame(codec, frame);
            if (error == avutil.AVERROR_EOF) {
                return false;
            }
            if (error == avutil.AVERROR_EAGAIN()) {
                feed();
                continue;
            }
            if (error < 0) {
                throw damaged("behind " + duration(end), error);
            }
            if (waitsForKey && (frame.flags() & AVFrame.AV_FRAME_FLAG_KEY) == 0) {
                continue; // it refers to frames that were jumped over
            }
            waitsForKey = false;
            if ((frame.flags() & AVFrame.AV_FRAME_FLAG_CORRUPT) != 0
                    || frame.decode_error_flags() != 0) {
                throw damaged("behind " + duration(end), avutil.AVERROR_INVALIDDATA);
            }
            if (begin.isEmpty() && stamp(frame) != avutil.AV_NOPTS_VALUE) {
                begin = OptionalLong.of(stamp(frame));
            }
            return true;
        }
    }

    private void feed() {
        while (!ended) {
            int error = avformat.av_read_frame(format, packet);
            boolean unread = error < 0 && error != avutil.AVERROR_EOF;
            if (error == avutil.AVERROR_EOF) {
                ended = true;
                // First: who reads on after the failure then comes to an end.
                error = avcodec.avcodec_send_packet(codec, null);
                requireWhole();
            } else if (error >= 0 && packet.stream_index() != stream.index()) {
                avcodec.av_packet_unref(packet);
                continue;
            } else if (error >= 0) {
                noteEnd();
                boolean corrupt = (packet.flags() & avcodec.AV_PKT_FLAG_CORRUPT) != 0;
                error =
                        corrupt
                                ? avutil.AVERROR_INVALIDDATA
                                : avcodec.avcodec_send_packet(codec, packet);
                avcodec.av_packet_unref(packet);
            }
            // Behind a jump packets may be useless, but a file that cannot be read stays so for
            // ever.
            if (error < 0 && (unread || !waitsForKey)) {
                throw damaged("near " + duration(end), error);
            }
            return;
        }
    }

    private void noteEnd() {
        if (packet.pts() != avutil.AV_NOPTS_VALUE) {
            long start = begin.orElse(stream.start_time());
            long first = start == avutil.AV_NOPTS_VALUE ? 0 : start;
            end = Math.max(end, (packet.pts() - first + packet.duration()) * unit());
        }
    }

    /** FFmpeg takes a file that was cut between two frames for one that ends there. */
    private void requireWhole() {
        if (ownLength.isEmpty()) {
            return;
        }
        double length = ownLength.get().toNanos() / NANOSECONDS;
        if (length - end > TOLERATED_REST * length + TOLERATED_SECONDS) {
            throw new M3Exception(
                    name
                            + ": expected "
                            + ownLength.get()
                            + " of pictures, found "
                            + duration(end)
                            + "; the file was cut short or is damaged, copy it anew");
        }
    }

    private static long stamp(AVFrame frame) {
        return frame.best_effort_timestamp();
    }

    /**
     * @param frame from {@link #next}
     * @return when it is shown; empty if the file does not say
     */
    Optional<Duration> time(AVFrame frame) {
        return stamp(frame) == avutil.AV_NOPTS_VALUE || begin.isEmpty()
                ? Optional.empty()
                : Optional.of(duration((stamp(frame) - begin.getAsLong()) * unit()));
    }

    /**
     * @param frame from {@link #next}
     * @return how long it is shown if nothing else says so
     */
    Duration usualDuration(AVFrame frame) {
        if (frame.duration() > 0) {
            return duration(frame.duration() * unit());
        }
        AVRational rate = avformat.av_guess_frame_rate(format, stream, frame);
        return rate.num() > 0 && rate.den() > 0
                ? duration((double) rate.den() / rate.num())
                : Duration.ofMillis(40);
    }

    /**
     * @return whether the frames behind a jump have the times that they have when all is read
     */
    boolean canJump() {
        return begin.isPresent() && !format.iformat().name().getString().equals(PROGRAM_STREAM);
    }

    /**
     * Jumps to a key frame at or before a time; where the file has no index of them, to the next one behind
     * whatever stands there.
     *
     * @param time from the beginning
     * @return whether it was done; if not, frames may be lost, and the file has to be opened anew
     */
    boolean jump(Duration time) {
        long stamp = begin.getAsLong() + (long) (time.toNanos() / NANOSECONDS / unit());
        if (avformat.av_seek_frame(format, stream.index(), stamp, avformat.AVSEEK_FLAG_BACKWARD)
                < 0) {
            return false;
        }
        avcodec.avcodec_flush_buffers(codec);
        ended = false;
        waitsForKey = true;
        return true;
    }

    private M3Exception damaged(String where, int error) {
        return new M3Exception(
                name
                        + ": "
                        + where
                        + ", it is damaged or was cut short ("
                        + Ffmpeg.reason(error)
                        + "); copy it anew, or convert what is left of it");
    }

    @Override
    public void close() {
        avcodec.av_packet_free(packet);
        if (codec != null) {
            avcodec.avcodec_free_context(codec);
        }
        if (format != null) {
            avformat.avformat_close_input(format);
        }
    }
}
