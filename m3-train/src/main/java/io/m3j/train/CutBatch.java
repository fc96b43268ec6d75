package io.m3j.train;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.TileLayout;
import java.util.List;

/**
 * Examples with how their pictures are cut, each into tiles of its own number: ragged in both, pictures
 * and tiles.
 *
 * @param examples one or more
 * @param layouts of the pictures of each
 */
record CutBatch(List<Example> examples, List<List<TileLayout>> layouts) {

    /**
     * @param examples one or more
     * @param processor cuts pictures as the model wants them
     * @return the examples, cut
     */
    static CutBatch of(List<Example> examples, ImageProcessor processor) {
        return new CutBatch(
                examples,
                examples.stream()
                        .map(
                                example ->
                                        example.images().stream()
                                                .map(i -> processor.layout(i.width(), i.height()))
                                                .toList())
                        .toList());
    }

    /**
     * @return tiles of all pictures, T
     */
    int tiles() {
        return layouts.stream().flatMap(List::stream).mapToInt(TileLayout::tiles).sum();
    }

    /**
     * @param example number of one
     * @param scale of its pictures
     * @return places that it takes, uncut
     */
    int places(int example, Scale scale) {
        int places = examples.get(example).ids().length;
        for (TileLayout layout : layouts.get(example)) {
            places = Math.addExact(places, layout.tokenCount(scale) - 1);
        }
        return places;
    }

    /**
     * @param example number of one
     * @param scale of its pictures
     * @param longest places that a row may take
     * @return how many of its ids stay when it is cut
     */
    int idsWithin(int example, Scale scale, int longest) {
        long[] ids = examples.get(example).ids();
        int place = 0;
        int picture = 0;
        for (int j = 0; j < ids.length; j++) {
            if (place >= longest) {
                return j;
            }
            place +=
                    ids[j] == M3Tokenizer.IMAGE_ID
                            ? layouts.get(example).get(picture++).tokenCount(scale)
                            : 1;
        }
        return ids.length;
    }

    /**
     * @throws M3Exception if a picture of an example whose patches have words is more than one tile
     */
    void requirePlainGroundings() {
        for (int i = 0; i < examples.size(); i++) {
            Example example = examples.get(i);
            for (int picture = 0; picture < example.groundings().size(); picture++) {
                int tiles = layouts.get(i).get(picture).tiles();
                if (tiles != 1) {
                    throw new M3Exception(
                            example.id()
                                    + ": words for patches: expected a picture of one tile, found "
                                    + tiles
                                    + " tiles; patches are numbered in the grid of a whole picture,"
                                    + " which a model of any resolution cuts. Leave loss.grounding"
                                    + " out");
                }
            }
        }
    }
}
