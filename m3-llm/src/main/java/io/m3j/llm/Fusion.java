package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.vision.EncodedImage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Puts the visual tokens where the prompt has its image slots: ids with slots → embeddings.
 *
 * <p>A slot is the id −200, or the image token of a checkpoint in Hugging Face's layout; one slot
 * stands for one whole picture at any scale.
 */
final class Fusion {

    private final Kernels kernels;
    private final Decoder decoder;
    private final FloatType type;
    private final long imageToken;

    /**
     * @param kernels to join arrays with
     * @param decoder embeds the text
     * @param type of the decoder's activations
     * @param imageToken the second id that means a slot; {@link M3Tokenizer#IMAGE_ID} if there is none
     */
    Fusion(Kernels kernels, Decoder decoder, FloatType type, long imageToken) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.type = type;
        this.imageToken = imageToken;
    }

    /**
     * Checks a prompt and counts its positions, without touching native memory.
     *
     * @param images one for each slot, in the order of the slots
     * @param ids the prompt
     * @param scale of every image
     * @param newTokens how long the answer may become
     * @return positions that the fused prompt takes
     * @throws M3Exception if slots and images differ in number, an id is not in the vocabulary, an
     *     image was encoded by another kind of model, or prompt and answer exceed the context
     */
    int length(List<EncodedImage> images, long[] ids, Scale scale, int newTokens) {
        required(images, "images");
        required(ids, "ids");
        int slots = 0;
        int vocabulary = decoder.config().vocabularySize();
        for (int i = 0; i < ids.length; i++) {
            if (isSlot(ids[i])) {
                slots++;
            } else if (ids[i] < 0 || ids[i] >= vocabulary) {
                throw new M3Exception(
                        "prompt id "
                                + ids[i]
                                + " at position "
                                + i
                                + ": expected 0 to "
                                + (vocabulary - 1)
                                + ", or "
                                + M3Tokenizer.IMAGE_ID
                                + " for an image");
            }
        }
        if (slots != images.size()) {
            throw new M3Exception(
                    "prompt: "
                            + counted(slots, "image slot")
                            + " for "
                            + counted(images.size(), "image")
                            + "; write one slot (<image>, or the id "
                            + M3Tokenizer.IMAGE_ID
                            + ") for each image, whatever its scale");
        }
        long positions = (long) ids.length - slots;
        for (EncodedImage image : images) {
            if (!image.madeWith(kernels)) {
                throw new M3Exception(
                        "image: it was encoded by another model, with which it ends; encode it with"
                                + " the model that is asked");
            }
            positions += image.tokenCount(scale);
        }
        if (positions == 0) {
            throw new M3Exception("prompt: expected at least one id, found none");
        }
        requireContext(positions, newTokens, images, scale);
        return Math.toIntExact(positions);
    }

    /**
     * @param images one for each slot, in the order of the slots
     * @param ids the prompt
     * @param scale of every image
     * @param newTokens how long the answer may become
     * @return the prompt, checked as by {@link #length}
     */
    Prompt prompt(List<EncodedImage> images, long[] ids, Scale scale, int newTokens) {
        int length = length(images, ids, scale, newTokens);
        long[] slotted = Arrays.stream(ids).map(id -> isSlot(id) ? Prompt.SLOT : id).toArray();
        int[] tokens = images.stream().mapToInt(image -> image.tokenCount(scale)).toArray();
        return new Prompt(List.copyOf(images), slotted, scale, tokens, length);
    }

    private void requireContext(
            long positions, int newTokens, List<EncodedImage> images, Scale scale) {
        int context = decoder.config().maximumPositions();
        if (positions + newTokens > context) {
            boolean coarser = images.stream().anyMatch(i -> !i.ladder().coarsest().equals(scale));
            throw new M3Exception(
                    "context: the prompt takes "
                            + counted(positions, "position")
                            + " ("
                            + counted(images.size(), "image")
                            + " at scale "
                            + scale
                            + ") and the answer up to "
                            + newTokens
                            + ", but the model has "
                            + context
                            + "; use "
                            + (coarser ? "a coarser scale, " : "")
                            + "a shorter prompt or fewer new tokens");
        }
    }

    private static String counted(long number, String noun) {
        return number + " " + noun + (number == 1 ? "" : "s");
    }

    /**
     * @param owner owns the result
     * @param images one for each slot, in the order of the slots
     * @param ids a prompt that {@link #length} has checked
     * @param scale of every image
     * @return [L, D] in the decoder's type of activations
     */
    NDArray fuse(NDManager owner, List<EncodedImage> images, long[] ids, Scale scale) {
        try (NDManager scope = owner.newSubManager()) {
            List<NDArray> parts = new ArrayList<>(); // each [positions, D]
            int image = 0;
            int textStart = 0;
            for (int i = 0; i <= ids.length; i++) {
                if (i < ids.length && !isSlot(ids[i])) {
                    continue;
                }
                if (i > textStart) {
                    parts.add(decoder.embed(scope, Arrays.copyOfRange(ids, textStart, i)));
                }
                if (i < ids.length) {
                    parts.add(visual(scope, images.get(image++), scale));
                }
                textStart = i + 1;
            }
            return kernels.concatenate(owner, parts, 0); // [L, D]
        }
    }

    /** [tiles, s, D] → [tiles · s, D], in the decoder's type of activations. */
    private NDArray visual(NDManager scope, EncodedImage image, Scale scale) {
        return image.during(
                () -> {
                    // A copy of our own first: a view would hang on the image's manager.
                    NDArray tokens = kernels.convert(scope, image.at(scale), type);
                    return tokens.reshape(-1, tokens.getShape().get(2));
                });
    }

    /**
     * @param id of a prompt
     * @return whether an image goes there
     */
    boolean isSlot(long id) {
        return id == M3Tokenizer.IMAGE_ID || id == imageToken;
    }
}
