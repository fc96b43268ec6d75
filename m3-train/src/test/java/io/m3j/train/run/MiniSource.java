package io.m3j.train.run;

import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.BadExample;
import io.m3j.train.data.BadExample.Reason;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.vision.M3Image;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Small made-up examples for the golden models: every third one without a picture.
 *
 * @param size how many
 * @param broken numbers of those that cannot be read
 * @param masked numbers of those without a label
 */
record MiniSource(int size, Set<Integer> broken, Set<Integer> masked) implements ExampleSource {

    private static final int TEXT_EVERY = 3;
    private static final int PICTURE = 8;

    static MiniSource of(int size) {
        return new MiniSource(size, Set.of(), Set.of());
    }

    @Override
    public Example get(int index) {
        if (broken.contains(index)) {
            throw new BadExample(Reason.MISSING_IMAGE, "picture " + index + ".png is missing");
        }
        Random random = new Random(index);
        long[] ids = new long[6 + index % 5];
        long[] labels = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = i == 0 ? 1 : 3 + random.nextInt(500);
            boolean answer = i >= 3 && !masked.contains(index);
            labels[i] = answer ? ids[i] : Example.IGNORED;
        }
        List<M3Image> images = List.of();
        if (index % TEXT_EVERY != 0) {
            ids[1] = M3Tokenizer.IMAGE_ID;
            BufferedImage picture = new BufferedImage(PICTURE, PICTURE, BufferedImage.TYPE_INT_RGB);
            for (int i = 0; i < PICTURE * PICTURE; i++) {
                picture.setRGB(i % PICTURE, i / PICTURE, random.nextInt(1 << 24));
            }
            images = List.of(M3Image.of(picture));
        }
        return new Example("mini-" + index, ids, labels, images);
    }

    @Override
    public int length(int index) {
        return index % TEXT_EVERY == 0 ? -(6 + index % 5) : 5 + index % 5;
    }

    @Override
    public String fingerprint() {
        return "mini-" + this;
    }
}
