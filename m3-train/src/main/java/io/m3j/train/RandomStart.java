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
 * learnt much sooner than from noise.
 */
final class RandomStart {

    private static final double EMBEDDING = 0.1;
    private static final double LONGEST_WAVE = 100;

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
        if (Boolean.getBoolean("m3j.dct") && name.endsWith("patch_embedding.weight")) {
            return waves(shape, values);
        }
        if (Boolean.getBoolean("m3j.mimetic") && name.matches("vision.*(q_proj|k_proj)\\.weight")) {
            Random shared = new Random(seed * 31 + name.replaceAll("(q|k)_proj", "").hashCode());
            while (values.hasRemaining()) {
                values.put(
                        (float)
                                (deviation
                                        * Math.sqrt(.5)
                                        * (random.nextGaussian() + shared.nextGaussian())));
            }
            return values.flip();
        }
        while (values.hasRemaining()) {
            values.put((float) (deviation * random.nextGaussian()));
        }
        return values.flip();
    }

    private static FloatBuffer waves(Shape shape, FloatBuffer values) {
        int width = Math.toIntExact(shape.get(0));
        int side = Math.toIntExact(shape.get(2));
        java.util.List<int[]> kinds = new java.util.ArrayList<>();
        for (int c = 0; c < 3; c++) {
            for (int fy = 0; fy < side; fy++) {
                for (int fx = 0; fx < side; fx++) {
                    kinds.add(new int[] {c, fy, fx});
                }
            }
        }
        kinds.sort(
                java.util.Comparator.comparingDouble(
                        k -> (k[0] == 0 ? 1 : 2.2) * (1 + Math.hypot(k[1], k[2]))));
        double[][] opponents = {{1, 1, 1}, {1, -1, 0}, {.5, .5, -1}};
        for (int d = 0; d < width; d++) {
            int[] k = kinds.get(d % kinds.size());
            double[] colour = opponents[k[0]];
            double norm =
                    Math.sqrt(
                            colour[0] * colour[0] + colour[1] * colour[1] + colour[2] * colour[2]);
            double scale = Math.min(1, .15 * (1 + k[1] + k[2]));
            for (int c = 0; c < 3; c++) {
                for (int y = 0; y < side; y++) {
                    for (int x = 0; x < side; x++) {
                        double wave =
                                (k[1] == 0 ? 1 : Math.sqrt(2))
                                        * Math.cos(Math.PI * (y + .5) * k[1] / side)
                                        * (k[2] == 0 ? 1 : Math.sqrt(2))
                                        * Math.cos(Math.PI * (x + .5) * k[2] / side)
                                        / side;
                        values.put((float) (scale * colour[c] / norm * wave));
                    }
                }
            }
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
                values.put((patch + 1) * width + i, (float) (0.5 * value));
            }
        }
        return values;
    }
}
