package io.m3j.train.run;

import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.vision.M3Image;
import io.m3j.vision.Resolution;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * Small made-up examples for the golden models of any resolution, with no picture, one or several.
 *
 * @param size how many
 * @param pictures sizes of the pictures of each
 * @param got the numbers of those that were asked for, as they are
 */
record RaggedSource(int size, IntFunction<List<Resolution>> pictures, List<Integer> got)
        implements ExampleSource {

    /** Wide, tall, square, and one so thin that its map may be empty. */
    static final List<Resolution> SIZES =
            List.of(
                    new Resolution(60, 40),
                    new Resolution(30, 70),
                    new Resolution(50, 50),
                    new Resolution(90, 2));

    /** No picture, one, two, none, … of every size. */
    static RaggedSource of(int size) {
        return of(
                size,
                index ->
                        IntStream.range(index, index + index % 3)
                                .mapToObj(i -> SIZES.get(i % SIZES.size()))
                                .toList());
    }

    static RaggedSource of(int size, IntFunction<List<Resolution>> pictures) {
        return new RaggedSource(size, pictures, Collections.synchronizedList(new ArrayList<>()));
    }

    @Override
    public Example get(int index) {
        got.add(index);
        List<Resolution> sizes = pictures.apply(index);
        Random random = new Random(index);
        long[] ids = new long[8];
        long[] labels = new long[ids.length];
        List<M3Image> images = new ArrayList<>();
        for (int i = 0; i < ids.length; i++) {
            boolean slot = i > 0 && i <= sizes.size();
            ids[i] = i == 0 ? 1 : slot ? M3Tokenizer.IMAGE_ID : 3 + random.nextInt(500);
            labels[i] = i >= 4 ? ids[i] : Example.IGNORED;
        }
        for (Resolution size : sizes) {
            byte[] rgb = new byte[3 * size.width() * size.height()];
            random.nextBytes(rgb);
            images.add(M3Image.ofRgb(size.width(), size.height(), rgb));
        }
        return new Example("ragged-" + index, ids, labels, images);
    }

    @Override
    public int length(int index) {
        return pictures.apply(index).isEmpty() ? -8 : 8 - pictures.apply(index).size();
    }

    @Override
    public List<Resolution> pictureSizes(int index) {
        return pictures.apply(index);
    }

    @Override
    public int pictures(int index) {
        return pictures.apply(index).size();
    }

    @Override
    public String fingerprint() {
        return "ragged-" + size;
    }
}
