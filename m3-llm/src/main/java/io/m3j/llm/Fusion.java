package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
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
     * @param scales of each image
     * @param newTokens how long the answer may become
     * @return positions that the fused prompt takes
     * @throws M3Exception if slots and images differ in number, an id is not in the vocabulary, an
     *     image was encoded by another kind of model, its scales are not those of its tiles, or prompt and
     *     answer exceed the context
     */
    int length(List<EncodedImage> images, long[] ids, List<ImageScales> scales, int newTokens) {
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
        for (int i = 0; i < images.size(); i++) {
            EncodedImage image = required(images.get(i), "image");
            if (!image.madeWith(kernels)) {
                throw new M3Exception(
                        "image: it was encoded by another model, with which it ends; encode it with"
                                + " the model that is asked");
            }
            positions += tokens(image, scales.get(i));
        }
        if (positions == 0) {
            throw new M3Exception("prompt: expected at least one id, found none");
        }
        requireContext(positions, newTokens, images, scales);
        return Math.toIntExact(positions);
    }

    /**
     * @param images one for each slot, in the order of the slots
     * @param ids the prompt
     * @param scales of each image
     * @param newTokens how long the answer may become
     * @return the prompt, checked as by {@link #length}
     */
    Prompt prompt(List<EncodedImage> images, long[] ids, List<ImageScales> scales, int newTokens) {
        int length = length(images, ids, scales, newTokens);
        long[] slotted = Arrays.stream(ids).map(id -> isSlot(id) ? Prompt.SLOT : id).toArray();
        int[] tokens = new int[images.size()];
        Arrays.setAll(tokens, i -> tokens(images.get(i), scales.get(i)));
        return new Prompt(List.copyOf(images), slotted, List.copyOf(scales), tokens, length);
    }

    /** Also of one that was closed: what was read of it may be kept. */
    private static int tokens(EncodedImage image, ImageScales scales) {
        return image.layout().tokenCount(scales.require(image.ladder()));
    }

    private void requireContext(
            long positions, int newTokens, List<EncodedImage> images, List<ImageScales> scales) {
        int context = decoder.config().maximumPositions();
        if (positions + newTokens > context) {
            boolean coarser = !scales.equals(coarsest(images));
            List<String> labels = scales.stream().map(ImageScales::toString).distinct().toList();
            throw new M3Exception(
                    "context: the prompt takes "
                            + counted(positions, "position")
                            + " ("
                            + counted(images.size(), "image")
                            + (labels.isEmpty() ? "" : " at scale " + String.join("; ", labels))
                            + ") and the answer up to "
                            + newTokens
                            + ", but the model has "
                            + context
                            + "; use "
                            + (coarser ? "a coarser scale, " : "")
                            + "a shorter prompt or fewer new tokens");
        }
    }

    private static List<ImageScales> coarsest(List<EncodedImage> images) {
        return images.stream()
                .map(image -> ImageScales.same(image.ladder().coarsest(), image.layout()))
                .toList();
    }

    /**
     * @param images of a prompt
     * @param scale of all their parts
     * @return the scales of each
     */
    static List<ImageScales> same(List<EncodedImage> images, Scale scale) {
        return required(images, "images").stream()
                .map(image -> ImageScales.same(scale, required(image, "image").layout()))
                .toList();
    }

    private static String counted(long number, String noun) {
        return number + " " + noun + (number == 1 ? "" : "s");
    }

    /**
     * @param owner owns the result
     * @param prompt or the rest of one
     * @return [L, D] in the decoder's type of activations
     * @throws IllegalStateException if an image was closed
     */
    NDArray fuse(NDManager owner, Prompt prompt) {
        return fuse(owner, prompt.images(), prompt.ids(), prompt.scales());
    }

    /**
     * @param owner owns the result
     * @param images one for each slot, in the order of the slots
     * @param ids a prompt that {@link #length} has checked
     * @param scale of all parts of every image
     * @return [L, D] in the decoder's type of activations
     */
    NDArray fuse(NDManager owner, List<EncodedImage> images, long[] ids, Scale scale) {
        return fuse(owner, images, ids, same(images, scale));
    }

    /**
     * @param owner owns the result
     * @param images one for each slot, in the order of the slots
     * @param ids a prompt that {@link #length} has checked
     * @param scales of each image
     * @return [L, D] in the decoder's type of activations
     */
    NDArray fuse(NDManager owner, List<EncodedImage> images, long[] ids, List<ImageScales> scales) {
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
                    parts.add(visual(scope, images.get(image), scales.get(image)));
                    image++;
                }
                textStart = i + 1;
            }
            return kernels.concatenate(owner, parts, 0); // [L, D]
        }
    }

    /** The tokens of all tiles in order, [positions, D], in the decoder's type of activations. */
    private NDArray visual(NDManager scope, EncodedImage image, ImageScales scales) {
        NDArray tokens = image.tokens(scope, scales);
        return type == FloatType.FLOAT32 ? tokens : kernels.convert(scope, tokens, type);
    }

    /**
     * @param id of a prompt
     * @return whether an image goes there
     */
    boolean isSlot(long id) {
        return id == M3Tokenizer.IMAGE_ID || id == imageToken;
    }
}
