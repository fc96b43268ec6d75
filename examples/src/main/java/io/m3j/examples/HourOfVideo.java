package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.M3Model;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.video.EncodedVideo;
import io.m3j.llm.video.EncodedVideo.EncodedFrame;
import io.m3j.llm.video.FrameSearch;
import io.m3j.llm.video.VideoEncoder;
import io.m3j.train.synthetic.Scene;
import io.m3j.train.synthetic.Scenes;
import io.m3j.vision.video.Sampling;
import io.m3j.vision.video.TokenBudget;
import io.m3j.vision.video.VideoFrames;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * An hour of video at one frame a second, drawn as it is read: another scene each ten seconds, none of which
 * has a number in it, but for two seconds somewhere, when one has a number plate. The model is asked for the
 * number, and must find them.
 *
 * <pre>
 * java -Xmx512m -cp examples/target/m3.jar io.m3j.examples.HourOfVideo [MODEL [SECONDS [COARSE [SEED]]]]
 * </pre>
 */
final class HourOfVideo {

    private static final int HOUR = 3600;
    private static final int SECONDS_A_SCENE = 10;
    private static final int SECONDS_SHOWN = 2;
    private static final int FOUND = 4;

    private static final Pattern NUMBER =
            Pattern.compile("The plate(?: at the [a-z ]+)? says (\\d+)\\.");
    private static final String QUESTION = "What number is on the plate?";

    private final Scenes scenes;
    private final int seconds;
    private final int shownAt;
    private final Scene shown;
    private int next;

    private HourOfVideo(long seed, int seconds) {
        this.scenes = Scenes.of(seed);
        this.seconds = seconds;
        this.shownAt = seconds * 5 / 7;
        this.shown = withPlate();
    }

    /** The next scene with a number plate. */
    private Scene withPlate() {
        Scene scene = scenes.scene(next++);
        while (!NUMBER.matcher(scene.caption()).find()) {
            scene = scenes.scene(next++);
        }
        return scene;
    }

    private Iterator<BufferedImage> pictures() {
        BufferedImage special = shown.picture();
        BufferedImage[] current = new BufferedImage[1];
        return IntStream.range(0, seconds)
                .mapToObj(
                        second -> {
                            if (second % SECONDS_A_SCENE == 0) {
                                current[0] = scenes.scene(next++).pictureWithoutNumbers();
                            }
                            return second >= shownAt && second < shownAt + SECONDS_SHOWN
                                    ? special
                                    : current[0];
                        })
                .iterator();
    }

    /**
     * @param arguments a model, how many seconds, the scale from afar, a seed; each may be left out
     */
    public static void main(String[] arguments) {
        Path directory = arguments.length > 0 ? Path.of(arguments[0]) : Home.model();
        int seconds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : HOUR;
        long seed = arguments.length > 3 ? Long.parseLong(arguments[3]) : 2_000_000;
        FrameSearch search = FrameSearch.of(FOUND);
        if (arguments.length > 2) {
            search = search.withCoarse(Scale.of(Integer.parseInt(arguments[2])));
        }
        HourOfVideo hour = new HourOfVideo(seed, seconds);
        Matcher number = NUMBER.matcher(hour.shown.caption());
        number.find();
        System.out.printf(
                Locale.ROOT,
                "%d frames; the plate says %s at %s for %d seconds%n",
                seconds,
                number.group(1),
                VideoOptions.clock(Duration.ofSeconds(hour.shownAt)),
                SECONDS_SHOWN);
        long start = System.nanoTime();
        try (M3Model model = M3Model.load(directory);
                VideoFrames video = VideoFrames.of(hour.pictures(), 1, seconds);
                EncodedVideo found =
                        new VideoEncoder(model)
                                .find(
                                        video,
                                        Sampling.Changed.of(new Sampling.Rate(1)),
                                        QUESTION,
                                        search,
                                        new TokenBudget(Integer.MAX_VALUE))) {
            report(model, found);
        }
        System.out.printf(
                Locale.ROOT,
                "%.0f s; at most %.0f MiB resident%n",
                (System.nanoTime() - start) / 1e9,
                ProcessMemory.peak().orElse(Double.NaN));
    }

    private static void report(M3Model model, EncodedVideo found) {
        GenerationOptions options =
                GenerationOptions.builder().scale(model.ladder().finest()).maxNewTokens(8).build();
        for (EncodedFrame frame : found.frames()) {
            Answer answer = model.generate(List.of(frame.image()), QUESTION, options, piece -> {});
            System.out.println("found " + VideoOptions.clock(frame.time()) + ": " + answer.text());
        }
    }
}
