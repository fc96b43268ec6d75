package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.video.EncodedVideo;
import io.m3j.llm.video.FrameSearch;
import io.m3j.llm.video.VideoEncoder;
import io.m3j.video.VideoFile;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import io.m3j.vision.video.Collage;
import io.m3j.vision.video.Sampling;
import io.m3j.vision.video.TokenBudget;
import io.m3j.vision.video.VideoFrames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A video instead of pictures, and how its frames are chosen. */
final class VideoOptions {

    /** As the paper takes them. */
    private static final int FRAMES = 6;

    /** The pictures of a folder come at this rate. */
    private static final double FOLDER_RATE = 1;

    private static final Sampling NEWS = Sampling.Changed.of(new Sampling.Rate(1));

    @Option(
            names = "--video",
            paramLabel = "FILE",
            description =
                    "Video: a file (MP4, MOV, MKV, WebM, AVI and the like), or a folder with a picture for"
                            + " each second, in the order of the numbers in their names.")
    private Path video;

    @Option(
            names = "--frames",
            paramLabel = "N",
            description =
                    "How many frames of the video are taken, evenly spread or the most different scenes."
                            + " Default: "
                            + FRAMES
                            + ".")
    private Integer frames;

    @Option(
            names = "--sample",
            paramLabel = "HOW",
            converter = How.Converter.class,
            description =
                    "Which frames: uniform, rate:R (R frames a second, such as rate:0.5), or scenes (where"
                            + " scenes begin). Default: uniform; with --refine rate:1, less what stands"
                            + " still.")
    private How sample;

    @Option(
            names = "--collage",
            description =
                    "Six evenly spread frames as one picture, two in a row, as in the paper: for models that"
                            + " see pictures at any resolution.")
    private boolean collage;

    @Option(
            names = "--budget",
            paramLabel = "N",
            description =
                    "Visual tokens for all frames together: each has the finest scale that all can have, and"
                            + " some a finer one with what is left. Default, without --tokens: half of"
                            + " the model's context.")
    private Integer budget;

    @Option(
            names = "--refine",
            paramLabel = "K",
            description =
                    "Look at the frames from afar first, and closely at the K that matter most to the"
                            + " question; only those are shown in the end.")
    private Integer refine;

    /** What {@code --sample} says; how many frames, {@code --frames} does. */
    private record How(String kind, double rate) {

        /** Reads it from an argument. */
        static final class Converter implements ITypeConverter<How> {
            @Override
            public How convert(String argument) {
                if (argument.equals("uniform") || argument.equals("scenes")) {
                    return new How(argument, 0);
                }
                try {
                    if (argument.startsWith("rate:")) {
                        double rate = Double.parseDouble(argument.substring("rate:".length()));
                        new Sampling.Rate(rate); // refuses what is no rate
                        return new How("rate", rate);
                    }
                } catch (NumberFormatException e) {
                    // said below
                } catch (M3Exception e) {
                    throw new M3Exception("--sample " + argument + ": " + e.getMessage(), e);
                }
                throw new M3Exception(
                        "--sample: expected uniform, scenes or rate:R with R frames a second, found '"
                                + argument
                                + "'");
            }
        }
    }

    /** Whether there is a video. */
    boolean given() {
        return video != null;
    }

    /** Whether its frames are images of their own. */
    boolean apart() {
        return given() && !collage;
    }

    Path file() {
        return video;
    }

    /** Refuses what does not go together. */
    void check(CommandSpec spec, boolean images, boolean tokens) {
        String wrong = null;
        if (!given()
                && (frames != null
                        || sample != null
                        || collage
                        || budget != null
                        || refine != null)) {
            wrong =
                    "expected --video FILE with --frames, --sample, --collage, --budget and --refine";
        } else if (given() && images) {
            wrong = "expected --image or --video, found both";
        } else if (collage
                && (sample != null
                        || budget != null
                        || refine != null
                        || frames != null && frames != FRAMES)) {
            wrong =
                    "--collage is of "
                            + FRAMES
                            + " evenly spread frames; it takes no --sample, --budget or --refine";
        } else if (frames != null && sample != null && sample.kind().equals("rate")) {
            wrong = "expected --frames or --sample rate:R, found both";
        } else if (budget != null && tokens) {
            wrong = "expected --tokens or --budget, found both";
        }
        if (wrong != null) {
            throw new ParameterException(spec.commandLine(), wrong);
        }
        requirePositive("--frames", frames);
        requirePositive("--budget", budget);
        requirePositive("--refine", refine);
    }

    private static void requirePositive(String option, Integer number) {
        if (number != null && number < 1) {
            throw new M3Exception(option + " " + number + ": expected 1 or more");
        }
    }

    /** To be closed by the caller. */
    VideoFrames open(ImageReading reading) {
        return Files.isDirectory(video)
                ? VideoFrames.folder(video, FOLDER_RATE, reading)
                : VideoFile.open(video, reading);
    }

    M3Image collage(VideoFrames opened) {
        return Collage.SIX.of(opened).picture();
    }

    /**
     * Encodes the frames; they end with the model.
     *
     * @param finest of the scales that were asked for; empty if a budget is to be shared
     */
    EncodedVideo encode(
            M3Model model,
            VideoFrames opened,
            String question,
            Optional<Scale> finest,
            Terminal terminal) {
        int seconds = opened.length().map(length -> (int) length.toSeconds()).orElse(0);
        try (Progress progress = new Progress(terminal, "encoding")) {
            VideoEncoder encoder =
                    new VideoEncoder(
                            model,
                            time ->
                                    progress.show(
                                            (int) time.toSeconds(),
                                            Math.max(seconds, (int) time.toSeconds())));
            if (refine != null) {
                // Scales that were asked for are taken whatever they cost.
                TokenBudget all =
                        finest.isPresent() ? new TokenBudget(Integer.MAX_VALUE) : budget(model);
                return encoder.find(opened, sampling(), question, FrameSearch.of(refine), all);
            }
            return finest.isPresent()
                    ? encoder.encode(opened, sampling(), finest.get())
                    : encoder.encode(opened, sampling(), budget(model));
        }
    }

    private Sampling sampling() {
        int count = frames == null ? FRAMES : frames;
        if (sample == null) {
            return refine != null && frames == null ? NEWS : new Sampling.Uniform(count);
        }
        return switch (sample.kind()) {
            case "rate" -> new Sampling.Rate(sample.rate());
            case "scenes" -> Sampling.SceneChanges.of(count);
            default -> new Sampling.Uniform(count);
        };
    }

    private TokenBudget budget(M3Model model) {
        return new TokenBudget(
                budget != null ? budget : model.config().decoder().maximumPositions() / 2);
    }

    /** Such as 1:02:03.5. */
    static String clock(Duration time) {
        String seconds =
                String.format(
                        Locale.ROOT,
                        "%d:%02d:%02d",
                        time.toHours(),
                        time.toMinutesPart(),
                        time.toSecondsPart());
        int tenths = time.toMillisPart() / 100;
        return tenths == 0 ? seconds : seconds + "." + tenths;
    }
}
