package io.m3j.llm.scale;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Chooses the scales of a picture: one for the base, one for each tile. It is asked once for each picture
 * of a request, in their order, after all were encoded, and sees all of it: {@link EncodedImage#layout} says
 * where each tile lies, {@link EncodedImage#at} has the tokens of all tiles at any scale. So a page of text
 * can spend its tokens where the text is.
 *
 * <pre>{@code
 * options.scales(ScalePolicy.fixed(Scale.of(36), Scale.of(144)));       // base, tiles; of every picture
 * options.scales(ScalePolicy.each(Scale.of(576), Scale.of(9)));         // the first picture, the second
 * options.scales(ScalePolicy.seeing(shown ->                            // by the question, by the others
 *         ImageScales.same(shown.question().orElse("").contains("read") ? fine : coarse, shown.image().layout())));
 * }</pre>
 *
 * <p>Called by several threads where several threads ask. It neither closes nor changes what it sees.
 */
@FunctionalInterface
public interface ScalePolicy {

    /**
     * A picture among those of its request.
     *
     * @param images all pictures of the request; of a conversation, those of this turn
     * @param index of the picture that is asked for, from 0
     * @param question without template; empty if the prompt was given as ids
     */
    record Shown(List<EncodedImage> images, int index, Optional<String> question) {

        /** Copies the list. */
        public Shown {
            images = List.copyOf(images);
        }

        /**
         * @return the picture that is asked for
         */
        public EncodedImage image() {
            return images.get(index);
        }
    }

    /**
     * @param image to be looked at
     * @return as many scales as {@link EncodedImage#layout} has tiles, all of {@link EncodedImage#ladder}
     */
    ImageScales choose(EncodedImage image);

    /**
     * What is called: by default a choice by the picture alone.
     *
     * @param shown the picture to be looked at, the others, and the question
     * @return as many scales as {@link EncodedImage#layout} has tiles, all of {@link EncodedImage#ladder}
     */
    default ImageScales choose(Shown shown) {
        return choose(shown.image());
    }

    /**
     * @param choice by the picture, the others of the request, and the question
     * @return a policy that makes it
     */
    static ScalePolicy seeing(Function<Shown, ImageScales> choice) {
        required(choice, "choice");
        return new ScalePolicy() {
            @Override
            public ImageScales choose(EncodedImage image) {
                return choose(new Shown(List.of(image), 0, Optional.empty()));
            }

            @Override
            public ImageScales choose(Shown shown) {
                return choice.apply(shown);
            }
        };
    }

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

    /**
     * @param scales of pictures with as many tiles
     * @return a policy that always chooses them
     */
    static ScalePolicy fixed(ImageScales scales) {
        required(scales, "scales");
        return image -> scales;
    }

    /**
     * @param scales of all parts of the first picture, the second, and so on
     * @return a policy for as many pictures
     */
    static ScalePolicy each(Scale... scales) {
        return each(Stream.of(required(scales, "scales")).map(ScalePolicy::fixed).toList());
    }

    /**
     * @param policies for the first picture, the second, and so on
     * @return a policy for as many pictures; for a request of more or fewer it is an {@link M3Exception}
     */
    static ScalePolicy each(List<? extends ScalePolicy> policies) {
        List<ScalePolicy> own = List.copyOf(required(policies, "policies"));
        return seeing(
                shown -> {
                    if (shown.images().size() != own.size()) {
                        throw new M3Exception(
                                "scales: "
                                        + own.size()
                                        + ", one for each image, for "
                                        + shown.images().size()
                                        + " images; give one scale for each image, or one for all");
                    }
                    return own.get(shown.index()).choose(shown);
                });
    }
}
