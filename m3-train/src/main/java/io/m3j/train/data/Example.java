package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.M3Tokenizer;
import io.m3j.vision.M3Image;
import java.util.Arrays;
import java.util.List;

/**
 * One conversation as a model is trained on it.
 *
 * @param id names it in messages
 * @param ids the prompt with the answers, {@link M3Tokenizer#IMAGE_ID} where a picture stands
 * @param labels as long as ids: the id where the model is to have written it, {@link #IGNORED} elsewhere
 * @param images one for each slot, in their order
 * @param groundings what lies under the patches of each image; empty if nobody says
 */
public record Example(
        String id, long[] ids, long[] labels, List<M3Image> images, List<Grounding> groundings) {

    /** The label of a position that has no part in the loss. */
    public static final long IGNORED = -100;

    /**
     * Checks that the parts belong together.
     *
     * @throws M3Exception if labels, pictures or groundings differ in number from ids, slots or
     *     pictures
     */
    public Example {
        required(id, "id");
        required(ids, "ids");
        required(labels, "labels");
        images = List.copyOf(required(images, "images"));
        groundings = List.copyOf(required(groundings, "groundings"));
        if (ids.length != labels.length) {
            throw new M3Exception(
                    id + ": " + ids.length + " ids, but " + labels.length + " labels");
        }
        long slots = Arrays.stream(ids).filter(i -> i == M3Tokenizer.IMAGE_ID).count();
        if (slots != images.size()) {
            throw new M3Exception(
                    id + ": " + slots + " image slots, but " + images.size() + " images");
        }
        if (!groundings.isEmpty() && groundings.size() != images.size()) {
            throw new M3Exception(
                    id + ": " + images.size() + " images, but groundings of " + groundings.size());
        }
    }

    /**
     * An example of whose pictures nobody says what lies where.
     *
     * @param id names it in messages
     * @param ids the prompt with the answers
     * @param labels as long as ids
     * @param images one for each slot
     */
    public Example(String id, long[] ids, long[] labels, List<M3Image> images) {
        this(id, ids, labels, images, List.of());
    }

    /**
     * @return how many ids the model is to have written
     */
    public int labelled() {
        return (int) Arrays.stream(labels).skip(1).filter(label -> label != IGNORED).count();
    }
}
