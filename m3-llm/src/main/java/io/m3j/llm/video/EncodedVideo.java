package io.m3j.llm.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.M3Model;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * Frames of a video after their pass through tower and projector, each with its time and with the scale at
 * which it is to be looked at. The pictures themselves are gone.
 *
 * <p>Owns native memory: the caller closes it, and with it the frames; they end with their model at the
 * latest.
 */
public final class EncodedVideo implements AutoCloseable {

    /**
     * One frame.
     *
     * @param time from the video's beginning to when it is first shown
     * @param image its tokens; those finer than {@code scale} may have been given up
     * @param scale at which it is looked at, its base and its tiles alike
     */
    public record EncodedFrame(Duration time, EncodedImage image, Scale scale) {}

    private final M3Model model;
    private final List<EncodedFrame> frames;

    /**
     * @param model that encoded them
     * @param frames in the order of their times, at least one; closed with this
     */
    EncodedVideo(M3Model model, List<EncodedFrame> frames) {
        this.model = model;
        this.frames = List.copyOf(frames);
    }

    /**
     * @return the frames, in the order of their times
     */
    public List<EncodedFrame> frames() {
        return frames;
    }

    /**
     * @return the frames as images of a request, which takes {@link #scales} for them
     */
    public List<EncodedImage> images() {
        return frames.stream().map(EncodedFrame::image).toList();
    }

    /**
     * @return the scale of each frame, for a request of {@link #images}
     */
    public ScalePolicy scales() {
        return ScalePolicy.each(frames.stream().map(f -> ScalePolicy.fixed(f.scale())).toList());
    }

    /**
     * @return positions of the prompt that all frames take
     */
    public int visualTokens() {
        return frames.stream().mapToInt(frame -> frame.image().tokenCount(frame.scale())).sum();
    }

    /**
     * Asks about the video; any number of times.
     *
     * @param question without template; the frames come before it, in the order of their times
     * @param options sampling and limits, not changed; the scales are those of the frames, whatever these say
     * @param onText told each piece of text as it comes
     * @return the whole answer
     * @throws io.m3j.core.M3Exception if frames, question and answer exceed the context
     */
    public Answer ask(String question, GenerationOptions.Builder options, Consumer<String> onText) {
        GenerationOptions all = required(options, "options").build().withScales(scales());
        return model.generate(images(), question, all, onText);
    }

    /** Frees the tokens of all frames. */
    @Override
    public void close() {
        frames.forEach(frame -> frame.image().close());
    }
}
