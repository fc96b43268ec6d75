package io.m3j.eval;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.util.function.Supplier;

/**
 * One question about one picture, with the answer that is right.
 *
 * @param id names it in answers and messages; each once in a benchmark
 * @param image names the picture: questions of the same name are asked of one encoded picture
 * @param picture reads or draws it; called when its first question is asked, not kept
 * @param text of the question, without template
 * @param category what is counted together, such as a family of questions
 * @param answer the right one
 */
public record Question(
        String id,
        String image,
        Supplier<M3Image> picture,
        String text,
        String category,
        String answer) {

    /** Checks that everything is there. */
    public Question {
        required(id, "id");
        required(image, "image");
        required(picture, "picture");
        required(text, "text");
        required(category, "category");
        required(answer, "answer");
        if (category.isBlank()) {
            throw new M3Exception("question " + id + ": expected a category, found none");
        }
    }

    /**
     * @return the same question about a grey picture: what is answered right then, the question alone told
     */
    public Question blank() {
        return new Question(id, image, M3Image::blank, text, category, answer);
    }
}
