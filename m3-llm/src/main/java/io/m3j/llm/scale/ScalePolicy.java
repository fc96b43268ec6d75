package io.m3j.llm.scale;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Scale;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;

/**
 * Chooses the scales of a picture: one for the base, one for each tile. It is asked once for each picture
 * of a request, after the picture was encoded, and sees all of it: {@link EncodedImage#layout} says where
 * each tile lies, {@link EncodedImage#at} has the tokens of all tiles at any scale. So a page of text can
 * spend its tokens where the text is.
 *
 * <p>Called by several threads where several threads ask. It neither closes nor changes what it sees.
 */
@FunctionalInterface
public interface ScalePolicy {

    /**
     * @param image to be looked at
     * @return as many scales as {@link EncodedImage#layout} has tiles, all of {@link EncodedImage#ladder}
     */
    ImageScales choose(EncodedImage image);

    /**
     * @param scale of base and tiles
     * @return a policy that always chooses it
     */
    static ScalePolicy fixed(Scale scale) {
        return fixed(scale, scale);
    }

    /**
     * @param base of the whole picture, resized to one tile
     * @param tiles of every tile; without effect on a picture that is not cut
     * @return a policy that always chooses them
     */
    static ScalePolicy fixed(Scale base, Scale tiles) {
        required(base, "base");
        required(tiles, "tiles");
        return image -> ImageScales.of(base, tiles, image.layout());
    }
}
