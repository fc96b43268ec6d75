package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.core.torch.TrainingKernels.LossWeights;
import io.m3j.core.torch.TrainingKernels.ScaleLoss;
import io.m3j.train.data.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The loss of nested tokens (arXiv 2405.17430, section 3): Σ over scales of α · the mean cross-entropy of
 * the labelled ids, each scale's visual tokens pooled out of the same grid. The decoder reads one scale
 * after the other, the finest first, and goes back before the next, so that one scale's activations live
 * at a time; what each leaves in the shared visual tokens adds up. Text without a picture is the same at
 * all scales, and a batch of nothing else is read once.
 */
final class MultiScaleLoss {

    /**
     * What is done behind the loss.
     *
     * @param back whether gradients are wanted; then something of the decoder learns, or the tokens are a
     *     leaf
     * @param toTokens whether the tokens are a leaf in which gradients gather
     */
    record Way(boolean back, boolean toTokens) {}

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final Network network;
    private final StepOptions step;
    private final LossOptions options;

    /**
     * @param model whose decoder reads
     * @param network its parameters at work
     * @param step how to compute
     * @param options what to compute
     */
    MultiScaleLoss(TrainableModel model, Network network, StepOptions step, LossOptions options) {
        this.model = model;
        this.kernels = model.kernels();
        this.network = network;
        this.step = step;
        this.options = options;
    }

    /**
     * Adds the gradients of the loss to those of the parameters and of the visual tokens.
     *
     * @param tokens [T, N, D], a leaf if its gradient is wanted; empty [0, N, D] without pictures
     * @param batch the examples
     * @param share that this batch's loss has in the whole
     * @param way whether gradients are wanted, and where they go
     * @param seed of the random scales
     * @return what the batch said
     * @throws M3Exception if no label is left after cutting, or a loss is no number; gradients are then
     *     incomplete and are to be thrown away
     */
    StepResult run(NDArray tokens, CutBatch batch, double share, Way way, long seed) {
        Tally tally = new Tally();
        if (options.scales().isEmpty()) {
            return tally.result(batch.examples()); // the decoder rests
        }
        if (options.mode() == LossOptions.Mode.ONE_RANDOM_SCALE) {
            List<Scale> scales = drawn(batch.examples().size(), seed);
            Scale finest = Collections.max(scales);
            LossWeights weights = new LossWeights(1, share * totalWeight(), 0, 0);
            pass(tokens, batch, scales, finest, weights, List.of(), way, tally).close();
        } else if (batch.tiles() == 0) {
            textAlone(tokens, batch, share, way, tally);
        } else {
            everyScale(tokens, batch, share, way, tally);
        }
        return tally.result(batch.examples());
    }

    /** What all scales read is the same, so that one stands for them; they then say the same, too. */
    private void textAlone(NDArray tokens, CutBatch batch, double share, Way way, Tally tally) {
        Scale finest = Collections.max(options.scales());
        List<Scale> one = Collections.nCopies(batch.examples().size(), finest);
        LossWeights weights = new LossWeights(1, share * totalWeight(), 0, 0);
        pass(tokens, batch, one, finest, weights, List.of(), way, tally).close();
        tally.sameAtAll(finest);
    }

    private double totalWeight() {
        return options.weights().values().stream().mapToDouble(w -> w).sum();
    }

    private void everyScale(NDArray tokens, CutBatch batch, double share, Way way, Tally tally) {
        List<Scale> scales = new ArrayList<>(options.scales());
        Collections.reverse(scales);
        List<NDArray> teachers = new ArrayList<>(); // of the finest scale, of the last one
        try {
            for (Scale scale : scales) {
                LossWeights weights =
                        new LossWeights(
                                options.temperature(),
                                share * options.weights().get(scale),
                                share * options.distillation(),
                                share * options.consistency());
                List<Scale> all = Collections.nCopies(batch.examples().size(), scale);
                NDArray logits = pass(tokens, batch, all, scale, weights, teachers, way, tally);
                if (!compares()) {
                    logits.close();
                    continue;
                }
                if (teachers.size() > 1) {
                    teachers.remove(1).close();
                }
                teachers.add(logits);
                if (teachers.size() == 1) {
                    // The finest is the neighbour of the second, too.
                    teachers.add(logits.duplicate());
                }
            }
        } finally {
            teachers.forEach(NDArray::close);
        }
    }

    /** Whether scales are held against each other. */
    private boolean compares() {
        return options.distillation() + options.consistency() > 0;
    }

    private List<Scale> drawn(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double total = totalWeight();
        List<Scale> scales = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double left = random.nextDouble() * total;
            Scale chosen = null;
            for (Map.Entry<Scale, Double> entry : options.weights().entrySet()) {
                chosen = entry.getKey();
                left -= entry.getValue();
                if (left < 0) {
                    break;
                }
            }
            scales.add(chosen);
        }
        return scales;
    }

    /** One reading of the decoder; returns the logits of the labelled places, which the caller closes. */
    private NDArray pass(
            NDArray tokens,
            CutBatch batch,
            List<Scale> scales,
            Scale label,
            LossWeights weights,
            List<NDArray> teachers,
            Way way,
            Tally tally) {
        List<Example> examples = batch.examples();
        Collation places = Collation.of(batch, scales, step.longest(), labelsUntil(batch));
        if (places.rows().length == 0) {
            throw new M3Exception(
                    "examples "
                            + examples.stream().map(Example::id).toList()
                            + " at scale "
                            + label
                            + ": no id is labelled within "
                            + step.longest()
                            + " places; are all labels masked (a mismatch of tokenizer and template)"
                            + " or cut off? Use a longer limit or a coarser scale");
        }
        Network reading = network.reading("scale " + label);
        try (NDManager scope = kernels.newManager()) {
            NDArray x =
                    reading.embeddings(
                            scope, tokens, places, step.pooling(), examples.size()); // [B, L, D]
            try (Chain layers = reading.decoder(scope, places.length())) {
                NDArray out = layers.forward(x); //                                     [B, L, D]
                NDArray leaf = way.back() ? Gradients.leaf(scope, out) : out;
                Supplier<ScaleLoss> computation =
                        () ->
                                reading.loss(
                                        scope,
                                        leaf,
                                        places.rows(),
                                        places.targets(),
                                        teachers,
                                        weights);
                ScaleLoss loss =
                        way.back() ? computation.get() : kernels.withoutGradients(computation);
                double value = loss.loss().getFloat();
                if (!Double.isFinite(value)) {
                    throw new NonFiniteLossException(label, value, examples);
                }
                tally.add(label, loss, value, places);
                if (way.back()) {
                    Gradients.backward(loss.loss());
                    back(layers, Gradients.gradient(scope, leaf).orElseThrow(), way);
                }
                NDArray logits = loss.logits();
                logits.attach(tokens.getManager());
                return logits;
            }
        }
    }

    /** Goes on behind the layers, and into them, only where something learns. */
    private void back(Chain layers, NDArray gradient, Way way) {
        boolean further = way.toTokens() || model.learns("decoder.embed_tokens.weight");
        if (further || model.learnsWithin("decoder.layers.")) {
            layers.backward(gradient, further);
        }
    }

    /** Teachers and taught must speak of the same ids: what the finest scale cuts off counts nowhere. */
    private int[] labelsUntil(CutBatch batch) {
        Scale finest = Collections.max(options.scales());
        int[] until = new int[batch.examples().size()];
        Arrays.setAll(
                until,
                i -> compares() ? batch.idsWithin(i, finest, step.longest()) : Integer.MAX_VALUE);
        return until;
    }

    /** Adds up what the scales say. */
    private final class Tally {

        private final Map<Scale, Double> crossEntropy = new TreeMap<>();
        private final Map<Scale, Double> distillation = new TreeMap<>();
        private final Map<Scale, Double> consistency = new TreeMap<>();
        private double loss;
        private long positions;

        void add(Scale scale, ScaleLoss one, double value, Collation places) {
            crossEntropy.put(scale, (double) one.crossEntropy());
            if (options.distillation() > 0) {
                distillation.put(scale, (double) one.distillation());
            }
            if (options.consistency() > 0) {
                consistency.put(scale, (double) one.consistency());
            }
            loss += value;
            positions += places.positions();
        }

        /** What one scale said is what all say. */
        void sameAtAll(Scale said) {
            for (Map<Scale, Double> each : List.of(crossEntropy, distillation, consistency)) {
                Double value = each.get(said);
                if (value != null) {
                    options.scales().forEach(scale -> each.put(scale, value));
                }
            }
        }

        StepResult result(List<Example> examples) {
            int labelled = examples.stream().mapToInt(Example::labelled).sum();
            return new StepResult(
                    loss,
                    crossEntropy,
                    distillation,
                    consistency,
                    OptionalDouble.empty(),
                    labelled,
                    positions);
        }
    }
}
