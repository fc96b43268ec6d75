package io.m3j.llm;

import java.util.Map;

/**
 * A LLaMA decoder in plain float64 loops, after transformers' modeling_llama: slow, without a cache,
 * and without a line in common with the one that it is there to test.
 *
 * @param weights by the names of modeling_llama, row-major
 * @param width hidden size
 * @param inner intermediate size
 * @param layers how many layers
 * @param heads query heads
 * @param keyHeads key and value heads
 * @param headSize size of a head
 * @param epsilon of the norms
 */
record ReferenceDecoder(
        Map<String, double[]> weights,
        int width,
        int inner,
        int layers,
        int heads,
        int keyHeads,
        int headSize,
        double epsilon) {

    /**
     * @param ids a prompt
     * @param frequencies for each position, the angles by which a position turns each pair
     * @return logits of each position
     */
    double[][] logits(long[] ids, double[][] frequencies) {
        double[][] x = new double[ids.length][];
        double[] table = weights.get("model.embed_tokens.weight");
        for (int p = 0; p < ids.length; p++) {
            x[p] =
                    java.util.Arrays.copyOfRange(
                            table, (int) ids[p] * width, ((int) ids[p] + 1) * width);
        }
        for (int layer = 0; layer < layers; layer++) {
            String prefix = "model.layers." + layer + ".";
            attention(x, prefix, frequencies);
            feedForward(x, prefix);
        }
        double[] head = weights.getOrDefault("lm_head.weight", table);
        double[][] logits = new double[ids.length][];
        for (int p = 0; p < ids.length; p++) {
            double[] normed = norm(x[p], weights.get("model.norm.weight"));
            logits[p] = product(head, normed);
        }
        return logits;
    }

    private void attention(double[][] x, String prefix, double[][] frequencies) {
        int length = x.length;
        double[][] q = new double[length][];
        double[][] k = new double[length][];
        double[][] v = new double[length][];
        for (int p = 0; p < length; p++) {
            double[] normed = norm(x[p], weights.get(prefix + "input_layernorm.weight"));
            q[p] = rotated(linear(prefix + "self_attn.q_proj", normed), p, frequencies[p]);
            k[p] = rotated(linear(prefix + "self_attn.k_proj", normed), p, frequencies[p]);
            v[p] = linear(prefix + "self_attn.v_proj", normed);
        }
        for (int p = 0; p < length; p++) {
            double[] mixed = new double[heads * headSize];
            for (int head = 0; head < heads; head++) {
                int from = head * headSize;
                int keyFrom = head / (heads / keyHeads) * headSize;
                double[] score = new double[p + 1];
                double sum = 0;
                for (int seen = 0; seen <= p; seen++) {
                    double dot = 0;
                    for (int e = 0; e < headSize; e++) {
                        dot += q[p][from + e] * k[seen][keyFrom + e];
                    }
                    score[seen] = Math.exp(dot / Math.sqrt(headSize));
                    sum += score[seen];
                }
                for (int seen = 0; seen <= p; seen++) {
                    for (int e = 0; e < headSize; e++) {
                        mixed[from + e] += score[seen] / sum * v[seen][keyFrom + e];
                    }
                }
            }
            addTo(x[p], linear(prefix + "self_attn.o_proj", mixed));
        }
    }

    private void feedForward(double[][] x, String prefix) {
        for (double[] row : x) {
            double[] normed = norm(row, weights.get(prefix + "post_attention_layernorm.weight"));
            double[] gate = linear(prefix + "mlp.gate_proj", normed);
            double[] up = linear(prefix + "mlp.up_proj", normed);
            for (int i = 0; i < inner; i++) {
                up[i] *= gate[i] / (1 + Math.exp(-gate[i]));
            }
            addTo(row, linear(prefix + "mlp.down_proj", up));
        }
    }

    /** rotate_half: the two halves of a head are the two coordinates of its pairs. */
    private double[] rotated(double[] x, int position, double[] frequencies) {
        double[] y = new double[x.length];
        int half = headSize / 2;
        for (int from = 0; from < x.length; from += headSize) {
            for (int i = 0; i < half; i++) {
                double cosine = Math.cos(position * frequencies[i]);
                double sine = Math.sin(position * frequencies[i]);
                double first = x[from + i];
                double second = x[from + half + i];
                y[from + i] = first * cosine - second * sine;
                y[from + half + i] = second * cosine + first * sine;
            }
        }
        return y;
    }

    private double[] norm(double[] x, double[] weight) {
        double squares = 0;
        for (double each : x) {
            squares += each * each;
        }
        double scale = 1 / Math.sqrt(squares / x.length + epsilon);
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i] * scale * weight[i];
        }
        return y;
    }

    private double[] linear(String name, double[] x) {
        double[] y = product(weights.get(name + ".weight"), x);
        if (weights.containsKey(name + ".bias")) {
            addTo(y, weights.get(name + ".bias"));
        }
        return y;
    }

    private static double[] product(double[] matrix, double[] x) {
        double[] y = new double[matrix.length / x.length];
        for (int row = 0; row < y.length; row++) {
            for (int i = 0; i < x.length; i++) {
                y[row] += matrix[row * x.length + i] * x[i];
            }
        }
        return y;
    }

    private static void addTo(double[] sum, double[] part) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += part[i];
        }
    }
}
