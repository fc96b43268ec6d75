package io.m3j.train;

import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.Random;

/**
 * Numbers that an untrained model starts from, the same on every machine.
 *
 * <p>Matrices are normal with deviation 1 / √inputs; those that write into the residual stream are
 * smaller by the root of how many do (GPT-2's rule). Positions of patches begin as sines and cosines of
 * row and column (as in MAE, He et al., arXiv 2111.06377, appendix A.1), from which neighbourhood is
 * learnt much sooner than from noise. Queries and keys begin half alike, so that like finds like, and a
 * patch its neighbours, from the start (Trockman and Kolter, arXiv 2305.09828).
 */
final class RandomStart {

    private static final double EMBEDDING = 0.1;
    private static final double LONGEST_WAVE = 8;

    private final long seed;
    private final int residualWriters;

    /**
     * @param seed of all numbers
     * @param layers of the deeper of tower and decoder
     */
    RandomStart(long seed, int layers) {
        this.seed = seed;
        this.residualWriters = 2 * layers;
    }

    /**
     * @param name our name of a parameter
     * @param shape of it
     * @return its numbers, row by row
     */
    FloatBuffer values(String name, Shape shape) {
        int size = Math.toIntExact(shape.size());
        FloatBuffer values = FloatBuffer.allocate(size);
        if (name.endsWith(".bias")) {
            return values;
        }
        if (name.contains("norm")) {
            while (values.hasRemaining()) {
                values.put(1);
            }
            return values.flip();
        }
        if (name.endsWith("position_embedding.weight")) {
            return positions(shape, values);
        }
        double deviation = EMBEDDING;
        if (shape.dimension() > 1 && !name.contains("embed_tokens")) {
            deviation = 1 / Math.sqrt((double) size / shape.get(0));
        }
        if (name.matches(".*(out_proj|o_proj|fc2|down_proj)\\.weight")) {
            deviation /= Math.sqrt(residualWriters);
        }
        Random random = new Random(seed * 31 + name.hashCode());
        if (name.matches(".*\\.[qk]_proj\\.weight")) {
            Random common = new Random(seed * 31 + name.replaceAll("[qk]_proj", "").hashCode());
            while (values.hasRemaining()) {
                double both = random.nextGaussian() + common.nextGaussian();
                values.put((float) (deviation * Math.sqrt(0.5) * both));
            }
        }
        while (values.hasRemaining()) {
            values.put((float) (deviation * random.nextGaussian()));
        }
        return values.flip();
    }

    /** The class token's row is zero; of a patch's, one half tells the row and one the column. */
    private static FloatBuffer positions(Shape shape, FloatBuffer values) {
        int tokens = Math.toIntExact(shape.get(0));
        int width = Math.toIntExact(shape.get(1));
        int side = (int) Math.round(Math.sqrt(tokens - 1.0));
        int quarter = Math.max(1, width / 4);
        for (int patch = 0; patch < tokens - 1; patch++) {
            for (int i = 0; i < 4 * quarter && i < width; i++) {
                int place = i < 2 * quarter ? patch / side : patch % side;
                double angle = place / Math.pow(LONGEST_WAVE, (double) (i % quarter) / quarter);
                boolean sine = i / quarter % 2 == 0;
                double value = sine ? Math.sin(angle) : Math.cos(angle);
                values.put((patch + 1) * width + i, (float) value);
            }
        }
        return values;
    }
}
