package io.m3j.llm.generate;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * Picks the next id from logits. The order is Hugging Face's: repetition penalty, temperature, top-k,
 * top-p, draw. The same seed and the same logits give the same ids on every machine.
 *
 * <p>Holds the state of one answer; for one thread at a time.
 */
public final class Sampler {

    private final GenerationOptions options;
    private final SplittableRandom random;
    private final Set<Integer> occurred = new TreeSet<>();

    /**
     * @param options temperature, top-k, top-p, penalty and seed
     */
    public Sampler(GenerationOptions options) {
        this.options = options;
        this.random = new SplittableRandom(options.seed());
    }

    /**
     * Counts an id as one that occurred, for the repetition penalty.
     *
     * @param id of the prompt's text; those picked count by themselves
     */
    public void occurred(int id) {
        occurred.add(id);
    }

    /**
     * @param logits one for each id of the vocabulary; not changed
     * @return the id picked
     * @throws M3Exception if a logit is not a number
     */
    public int next(float[] logits) {
        float[] scores = logits.clone();
        for (int id : occurred) {
            double penalty = options.repetitionPenalty();
            scores[id] = (float) (scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty);
        }
        int best = argmax(scores);
        int id = options.temperature() == 0 ? best : draw(scores, best);
        occurred.add(id);
        return id;
    }

    /** The first of the greatest, as PyTorch's argmax. */
    private static int argmax(float[] scores) {
        int best = 0;
        for (int i = 0; i < scores.length; i++) {
            if (Float.isNaN(scores[i])) {
                throw new M3Exception(
                        "logits: not a number at id "
                                + i
                                + "; the weights are damaged or overflow in this precision");
            }
            if (scores[i] > scores[best]) {
                best = i;
            }
        }
        return best;
    }

    private int draw(float[] scores, int best) {
        // Ids from likeliest to least likely; equal ones by id, so that the order is fixed.
        int[] ids = descending(scores);
        int count = options.topK() == 0 ? ids.length : Math.min(options.topK(), ids.length);
        double[] cumulative = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
            double distance = (double) scores[ids[i]] - scores[best]; // at most 0: no overflow
            sum += Math.exp(distance / options.temperature());
            cumulative[i] = sum;
        }
        int kept = count;
        if (options.topP() < 1) {
            // The fewest whose sum reaches p; at least one.
            kept = 1;
            while (kept < count && cumulative[kept - 1] < options.topP() * sum) {
                kept++;
            }
        }
        double drawn = random.nextDouble() * cumulative[kept - 1];
        int index = 0;
        while (index < kept - 1 && cumulative[index] <= drawn) {
            index++;
        }
        return ids[index];
    }

    private static int[] descending(float[] scores) {
        long[] keys = new long[scores.length];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = ((long) ~ordered(scores[i]) << 32) | i;
        }
        Arrays.sort(keys);
        int[] ids = new int[keys.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (int) keys[i];
        }
        return ids;
    }

    /** An int that orders as the float does (−0 below +0). */
    private static int ordered(float value) {
        int bits = Float.floatToIntBits(value);
        return bits ^ (bits >> 31 & Integer.MAX_VALUE);
    }
}
