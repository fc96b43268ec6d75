package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.util.List;
import java.util.stream.LongStream;

/**
 * One of many questions: pictures, a prompt, and how to answer it. Holds no native memory of its own;
 * encoded pictures stay the caller's and must be open until the answer has begun.
 *
 * @param images encoded pictures, asked again for free; none if {@code pictures} has some
 * @param pictures pictures still to be encoded, which a {@link io.m3j.llm.serve.ContinuousBatcher} does;
 *     none if {@code images} has some
 * @param prompt a question or ids
 * @param options scale, sampling and limits
 */
public record Request(
        List<EncodedImage> images,
        List<M3Image> pictures,
        Prompt prompt,
        GenerationOptions options) {

    /** What is asked. */
    public sealed interface Prompt permits Question, Ids {}

    /**
     * A question, to be put into the prompt template.
     *
     * @param text without template; the pictures come before it, or where it has {@code <image>}
     */
    public record Question(String text) implements Prompt {
        /** Checks that there is one. */
        public Question {
            required(text, "question");
        }
    }

    /**
     * A whole prompt of ids. Its answer has ids and no text.
     *
     * @param ids with −200 (or the checkpoint's image token) for each image
     */
    public record Ids(List<Long> ids) implements Prompt {
        /** Copies the ids. */
        public Ids {
            ids = List.copyOf(required(ids, "ids"));
        }
    }

    /** Copies the lists. */
    public Request {
        images = List.copyOf(required(images, "images"));
        pictures = List.copyOf(required(pictures, "pictures"));
        required(prompt, "prompt");
        required(options, "options");
        if (!images.isEmpty() && !pictures.isEmpty()) {
            throw new M3Exception(
                    "request: expected pictures that are all encoded, or none of them; encode the"
                            + " rest with M3Model.encode");
        }
    }

    /**
     * @param image from {@link M3Model#encode}
     * @param question without template
     * @param options scale, sampling and limits
     * @return the request
     */
    public static Request of(EncodedImage image, String question, GenerationOptions options) {
        return of(List.of(required(image, "image")), question, options);
    }

    /**
     * @param images from {@link M3Model#encode}, any number, also none
     * @param question without template
     * @param options scale, sampling and limits
     * @return the request
     */
    public static Request of(
            List<EncodedImage> images, String question, GenerationOptions options) {
        return new Request(images, List.of(), new Question(question), options);
    }

    /**
     * @param picture of any size, encoded by the batcher and freed with its answer
     * @param question without template
     * @param options scale, sampling and limits
     * @return the request
     */
    public static Request of(M3Image picture, String question, GenerationOptions options) {
        List<M3Image> one = List.of(required(picture, "picture"));
        return new Request(List.of(), one, new Question(question), options);
    }

    /**
     * @param images one for each slot
     * @param ids a whole prompt, with −200 (or the checkpoint's image token) for each image
     * @param options scale, sampling and limits; stop strings do nothing here
     * @return the request
     */
    public static Request ofIds(List<EncodedImage> images, long[] ids, GenerationOptions options) {
        Ids prompt = new Ids(LongStream.of(required(ids, "ids")).boxed().toList());
        return new Request(images, List.of(), prompt, options);
    }

    /**
     * @param encoded what {@link #pictures} became
     * @return the same request with its pictures encoded
     */
    public Request with(List<EncodedImage> encoded) {
        return new Request(encoded, List.of(), prompt, options);
    }
}
