package io.m3j.llm;

import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A prompt that {@link Fusion} has checked: text ids and image slots. Holds no native memory.
 *
 * <p>What the decoder computes at a position depends on the positions up to it alone. So two prompts
 * that begin alike, with the same ids and the same pictures at the same scales, have the same keys and
 * values there.
 */
final class Prompt {

    /** The id of every slot, whatever the checkpoint calls it. */
    static final long SLOT = M3Tokenizer.IMAGE_ID;

    private final List<EncodedImage> images;
    private final long[] ids;
    private final List<ImageScales> scales;
    private final int[] imageTokens;
    private final int length;

    /**
     * @param images one for each slot
     * @param ids with {@link #SLOT} for each image
     * @param scales of each image
     * @param imageTokens positions that each image takes
     * @param length positions of all
     */
    Prompt(
            List<EncodedImage> images,
            long[] ids,
            List<ImageScales> scales,
            int[] imageTokens,
            int length) {
        this.images = images;
        this.ids = ids;
        this.scales = scales;
        this.imageTokens = imageTokens;
        this.length = length;
    }

    /**
     * @return one for each slot
     */
    List<EncodedImage> images() {
        return images;
    }

    /**
     * @return with {@link #SLOT} for each image; not to be changed
     */
    long[] ids() {
        return ids;
    }

    /**
     * @return of each image
     */
    List<ImageScales> scales() {
        return scales;
    }

    /**
     * @return positions of text and images together
     */
    int length() {
        return length;
    }

    /**
     * @return positions that stand for images
     */
    int visualTokens() {
        return Arrays.stream(imageTokens).sum();
    }

    /**
     * @return the ids without the slots
     */
    long[] textIds() {
        return LongStream.of(ids).filter(id -> id != SLOT).toArray();
    }

    /**
     * @return the text before the first image; all of it if there is none
     */
    Prompt beforeImages() {
        int end = 0;
        while (end < ids.length && ids[end] != SLOT) {
            end++;
        }
        return beginning(end);
    }

    /**
     * @return everything up to and including the last image; nothing if there is none
     */
    Prompt throughImages() {
        int end = ids.length;
        while (end > 0 && ids[end - 1] != SLOT) {
            end--;
        }
        return beginning(end);
    }

    /** The first ids, with their images or before any. */
    private Prompt beginning(int end) {
        boolean bare = LongStream.of(ids).limit(end).noneMatch(id -> id == SLOT);
        List<EncodedImage> shown = bare ? List.of() : images;
        int[] tokens = bare ? new int[0] : imageTokens;
        int positions = end - shown.size() + Arrays.stream(tokens).sum();
        List<ImageScales> at = bare ? List.of() : scales;
        return new Prompt(shown, Arrays.copyOf(ids, end), at, tokens, positions);
    }

    /**
     * @param more ids of text
     * @return this prompt with them behind it
     */
    Prompt with(List<Long> more) {
        LongStream text = more.stream().mapToLong(Long::longValue);
        long[] all = LongStream.concat(LongStream.of(ids), text).toArray();
        return new Prompt(images, all, scales, imageTokens, length + more.size());
    }

    /**
     * The rest of a prompt.
     *
     * @param prompt its ids and images
     * @param start the position of the first of them
     */
    record Rest(Prompt prompt, int start) {}

    /**
     * @param position less than {@link #length}
     * @return all from the id on that the position belongs to, which begins before it where the position
     *     lies within an image
     */
    Rest from(int position) {
        int start = 0;
        int image = 0;
        int i = 0;
        while (start + tokens(i, image) <= position) {
            start += tokens(i, image);
            image += ids[i] == SLOT ? 1 : 0;
            i++;
        }
        Prompt rest =
                new Prompt(
                        images.subList(image, images.size()),
                        Arrays.copyOfRange(ids, i, ids.length),
                        scales.subList(image, scales.size()),
                        Arrays.copyOfRange(imageTokens, image, imageTokens.length),
                        length - start);
        return new Rest(rest, start);
    }

    private int tokens(int id, int image) {
        return ids[id] == SLOT ? imageTokens[image] : 1;
    }

    /**
     * @param other of the same model
     * @return how many positions both begin with
     */
    int sharedWith(Prompt other) {
        int positions = 0;
        int image = 0;
        for (int i = 0; i < Math.min(ids.length, other.ids.length); i++) {
            if (ids[i] != other.ids[i]) {
                return positions;
            }
            if (ids[i] != SLOT) {
                positions++;
                continue;
            }
            // The picture itself, not one like it: it cannot change while it is open.
            if (images.get(image) != other.images.get(image)
                    || !scales.get(image).equals(other.scales.get(image))) {
                return positions;
            }
            positions += imageTokens[image++];
        }
        return positions;
    }
}
