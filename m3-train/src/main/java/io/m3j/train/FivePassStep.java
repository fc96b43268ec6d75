package io.m3j.train;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Scale;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.core.torch.TrainingKernels.LossWeights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The step as M3's authors compute it (llava_llama.py, forward): the whole model, tower included, once
 * for each scale, all graphs kept, then one way back through all of them. It gives the gradients that
 * {@link TrainingStep} gives where no adapter has dropout, of which there is none here, and is here to be
 * compared with it; train with that one.
 *
 * <p>For one thread at a time.
 */
public final class FivePassStep {

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final TrainingStep step;
    private final Network network;
    private final StepOptions options;

    /**
     * @param model that learns; must stay open
     * @param options how to compute; activations of all tiles are kept whatever they say
     */
    public FivePassStep(TrainableModel model, StepOptions options) {
        this.options = required(options, "options");
        this.model = required(model, "model");
        this.kernels = model.kernels();
        this.step = new TrainingStep(model, options);
        this.network = new Network(model, options.type(), 0);
    }

    /**
     * Adds the gradients of the mean loss over scales to those of the parameters.
     *
     * @param batch the examples
     * @param scales that take part
     * @return the loss
     */
    public double accumulate(TrainingBatch batch, List<Scale> scales) {
        model.startGradients();
        List<Runnable> open = new ArrayList<>();
        try (NDManager scope = kernels.newManager()) {
            List<NDArray> losses = new ArrayList<>();
            double sum = 0;
            try {
                for (Scale scale : scales) {
                    NDArray loss = loss(scope, open, batch, scale, 1.0 / scales.size());
                    sum += loss.getFloat();
                    losses.add(loss);
                }
                losses.forEach(Gradients::backward);
            } finally {
                open.forEach(Runnable::run);
            }
            return sum;
        }
    }

    private NDArray loss(
            NDManager scope, List<Runnable> open, TrainingBatch batch, Scale scale, double weight) {
        Eyes eyes = new Eyes(model, network, Window.of(model.vision().gridSide(), 0, 0), 0);
        open.add(eyes::close);
        NDArray tokens = eyes.forward(scope, batch.pixels()); //                          [T, N, D]
        int count = batch.examples().size();
        int[] all =
                Collections.nCopies(count, Integer.MAX_VALUE).stream().mapToInt(i -> i).toArray();
        Collation places =
                Collation.of(
                        step.cut(batch), Collections.nCopies(count, scale), options.longest(), all);
        NDArray x = network.embeddings(scope, tokens, places, options.pooling(), count);
        Chain layers = network.decoder(scope, places.length());
        open.add(layers::close);
        LossWeights weights = new LossWeights(1, weight, 0, 0);
        return network.loss(
                        scope,
                        layers.forward(x),
                        places.rows(),
                        places.targets(),
                        List.of(),
                        weights)
                .loss();
    }
}
