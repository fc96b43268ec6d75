package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.generate.Timings;
import io.m3j.llm.generate.Transcript;
import io.m3j.llm.tokenizer.StreamingDecoder;
import io.m3j.vision.EncodedImage;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * A request of one model that was checked and put into ids, to be answered once. Holds no native
 * memory of its own.
 */
public final class PreparedRequest {

    private final Prompt prompt;
    private final GenerationOptions options;
    private final List<String> stopStrings;
    private final Set<Long> endOfSequence;
    private final Optional<StreamingDecoder> text;
    private final long cacheBytes;
    private final Decoder decoder;
    private final AtomicBoolean begun = new AtomicBoolean();

    PreparedRequest(
            Decoder decoder,
            Prompt prompt,
            GenerationOptions options,
            List<String> stopStrings,
            Set<Long> endOfSequence,
            Optional<StreamingDecoder> text,
            long cacheBytes) {
        this.decoder = decoder;
        this.prompt = prompt;
        this.options = options;
        this.stopStrings = stopStrings;
        this.endOfSequence = endOfSequence;
        this.text = text;
        this.cacheBytes = cacheBytes;
    }

    /**
     * @return positions of the prompt, visual tokens included
     */
    public int promptTokens() {
        return prompt.length();
    }

    /**
     * @return scale, sampling and limits
     */
    public GenerationOptions options() {
        return options;
    }

    /**
     * @return bytes that its KV cache takes while it is answered
     */
    public long cacheBytes() {
        return cacheBytes;
    }

    /**
     * @param other a model's decoder
     * @return whether this is for that model
     */
    boolean preparedFor(Decoder other) {
        return decoder == other;
    }

    /**
     * To be called before its answer is made.
     *
     * @throws M3Exception if it was called before: the text of two answers would run together
     */
    void begin() {
        if (!begun.compareAndSet(false, true)) {
            throw new M3Exception(
                    "request: its answer was begun before, and a prepared request is answered once;"
                            + " prepare it anew");
        }
    }

    Prompt prompt() {
        return prompt;
    }

    Transcript transcript() {
        return new Transcript(text, options, stopStrings, endOfSequence, prompt.textIds());
    }

    /**
     * @param images that were encoded
     * @return what that took
     */
    static Duration encodeTime(List<EncodedImage> images) {
        return images.stream().map(EncodedImage::encodeTime).reduce(Duration.ZERO, Duration::plus);
    }

    /**
     * @param transcript that has ended
     * @param timings from what the pictures took to encode to where the time went
     * @return the answer
     */
    Answer answer(Transcript transcript, Function<Duration, Timings> timings) {
        Duration encode = encodeTime(prompt.images());
        return new Answer(
                transcript.text().strip(),
                transcript.ids(),
                prompt.visualTokens(),
                prompt.length(),
                transcript.finishReason().orElseThrow(),
                timings.apply(encode));
    }
}
