package io.m3j.llm.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * A frame matters as far as it changes what the model would answer: the question is asked of each frame
 * alone, and the score is how far the probabilities of the answer's first tokens are from their mean over
 * all frames that were looked at from afar, as a Kullback–Leibler divergence in nats, summed over the
 * tokens. At finer scales the mean stays that of the whole video: among the few frames that are left, those
 * that matter are no exception any more.
 *
 * <p>A frame that leaves the model guessing is guessed about like all others, and gets little. One that shows
 * what was asked for makes one answer likely that is not likely elsewhere, and gets much, even if it is shown
 * for a moment. Confidence alone would also favour a frame of which the model is sure as of any other. More
 * than the first token is needed: tokenizers of the Llama family begin every number with the same one.
 */
public final class AnswerShift implements FrameScorer {

    /** This part of the mean is shared by all tokens alike, so that none has no share at all. */
    private static final double SHARED = 0.01;

    /** Tokens of an answer that are looked at: a word or a number of three digits. */
    private static final int TOKENS = 4;

    private final M3Model model;
    private final String question;
    private final GenerationOptions options;
    private final Map<Scale, Map<EncodedImage, List<float[]>>> byScale = new HashMap<>();
    private Scale coarse;
    private final List<Mean> means = new ArrayList<>(); // at that scale, by position

    /** The mean of some probabilities. */
    static final class Mean {
        private final double[] sum;
        private int count;

        Mean(int vocabulary) {
            sum = new double[vocabulary];
        }

        void add(float[] shares) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += shares[i];
            }
            count++;
        }

        /** Σ p log(p / mean). */
        double divergence(float[] shares) {
            double nats = 0;
            for (int i = 0; i < shares.length; i++) {
                if (shares[i] > 0) {
                    double seen = count == 0 ? 0 : (1 - SHARED) * sum[i] / count;
                    double equal = (count == 0 ? 1 : SHARED) / shares.length;
                    nats += shares[i] * Math.log(shares[i] / (seen + equal));
                }
            }
            return nats;
        }
    }

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
     * @param options whose template is used, if it names one; taken as they are now, and not changed
     */
    public AnswerShift(M3Model model, String question, GenerationOptions.Builder options) {
        this.model = required(model, "model");
        this.question = required(question, "question");
        this.options = required(options, "options").build().withMaxNewTokens(TOKENS);
    }

    @Override
    public double[] score(List<EncodedImage> frames, Scale scale) {
        if (coarse == null) {
            coarse = scale;
        }
        Map<EncodedImage, List<float[]>> seen =
                byScale.computeIfAbsent(scale, first -> new IdentityHashMap<>());
        seen.keySet().retainAll(frames); // the others will not be asked about again
        List<EncodedImage> fresh =
                frames.stream().filter(frame -> !seen.containsKey(frame)).toList();
        GenerationOptions few = options.withScale(scale);
        List<List<float[]>> logits =
                model.answerLogits(
                        fresh.stream().map(frame -> Request.of(frame, question, few)).toList());
        for (int i = 0; i < fresh.size(); i++) {
            List<float[]> shares = logits.get(i).stream().map(AnswerShift::softmax).toList();
            seen.put(fresh.get(i), shares);
            if (scale.equals(coarse)) {
                add(shares);
            }
        }
        return frames.stream().mapToDouble(frame -> shift(seen.get(frame))).toArray();
    }

    private void add(List<float[]> shares) {
        for (int position = 0; position < shares.size(); position++) {
            mean(position, shares.get(position).length).add(shares.get(position));
        }
    }

    private Mean mean(int position, int vocabulary) {
        while (means.size() <= position) {
            means.add(new Mean(vocabulary));
        }
        return means.get(position);
    }

    private double shift(List<float[]> shares) {
        double nats = 0;
        for (int position = 0; position < shares.size(); position++) {
            float[] here = shares.get(position);
            nats += mean(position, here.length).divergence(here);
        }
        return nats;
    }

    static float[] softmax(float[] logits) {
        double greatest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            greatest = Math.max(greatest, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - greatest);
        }
        float[] shares = new float[logits.length];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = (float) (Math.exp(logits[i] - greatest) / sum);
        }
        return shares;
    }
}
