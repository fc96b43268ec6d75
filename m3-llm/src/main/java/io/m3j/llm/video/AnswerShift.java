package io.m3j.llm.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * A frame matters as far as it changes what the model would answer: the question is asked of each frame
 * alone, and the score is how far the probabilities of the answer's first token are from their mean over all
 * frames that were looked at from afar, as a Kullback–Leibler divergence in nats. From afar, the mean of the
 * scores is the mutual information of frame and answer. At finer scales the mean stays that of the whole
 * video: among the few frames that are left, those that matter are no exception any more.
 *
 * <p>A frame that leaves the model guessing is guessed about like all others, and gets little. One that shows
 * what was asked for makes one answer likely that is not likely elsewhere, and gets much, even if it is shown
 * for a moment. Confidence alone would also favour a frame of which the model is sure as of any other.
 */
public final class AnswerShift implements FrameScorer {

    /** This part of the mean is shared by all tokens alike, so that none has no share at all. */
    private static final double SHARED = 0.01;

    private final M3Model model;
    private final String question;
    private final GenerationOptions.Builder options;
    private final Map<Scale, Map<EncodedImage, double[]>> byScale = new HashMap<>();
    private Scale coarse;
    private double[] sum; // of what was seen at that scale
    private int count;

    /**
     * @param model that encoded the frames
     * @param question without template
     */
    public AnswerShift(M3Model model, String question) {
        this(model, question, GenerationOptions.builder());
    }

    /**
     * @param model that encoded the frames
     * @param question without template
     * @param options whose template is used, if it names one
     */
    public AnswerShift(M3Model model, String question, GenerationOptions.Builder options) {
        this.model = required(model, "model");
        this.question = required(question, "question");
        this.options = required(options, "options");
    }

    @Override
    public double[] score(List<EncodedImage> frames, Scale scale) {
        if (coarse == null) {
            coarse = scale;
        }
        Map<EncodedImage, double[]> seen =
                byScale.computeIfAbsent(scale, first -> new IdentityHashMap<>());
        seen.keySet().retainAll(frames); // the others will not be asked about again
        List<EncodedImage> fresh =
                frames.stream().filter(frame -> !seen.containsKey(frame)).toList();
        GenerationOptions one = options.scale(scale).maxNewTokens(1).build();
        List<float[]> logits =
                model.firstLogits(
                        fresh.stream().map(frame -> Request.of(frame, question, one)).toList());
        for (int i = 0; i < fresh.size(); i++) {
            double[] shares = softmax(logits.get(i));
            seen.put(fresh.get(i), shares);
            if (scale.equals(coarse)) {
                add(shares);
            }
        }
        return frames.stream().mapToDouble(f -> divergence(seen.get(f), sum, count)).toArray();
    }

    private void add(double[] shares) {
        if (sum == null) {
            sum = new double[shares.length];
        }
        for (int i = 0; i < sum.length; i++) {
            sum[i] += shares[i];
        }
        count++;
    }

    static double[] softmax(float[] logits) {
        double greatest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            greatest = Math.max(greatest, logit);
        }
        double[] shares = new double[logits.length];
        double sum = 0;
        for (int i = 0; i < shares.length; i++) {
            shares[i] = Math.exp(logits[i] - greatest);
            sum += shares[i];
        }
        for (int i = 0; i < shares.length; i++) {
            shares[i] /= sum;
        }
        return shares;
    }

    /** Σ p log(p / mean), the mean given as a sum of so many. */
    static double divergence(double[] shares, double[] sum, int count) {
        double nats = 0;
        for (int i = 0; i < shares.length; i++) {
            if (shares[i] > 0) {
                double mean = (1 - SHARED) * sum[i] / count + SHARED / shares.length;
                nats += shares[i] * Math.log(shares[i] / mean);
            }
        }
        return nats;
    }
}
