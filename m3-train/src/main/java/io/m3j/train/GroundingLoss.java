package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.core.torch.TrainingKernels.LossWeights;
import io.m3j.core.torch.TrainingKernels.ScaleLoss;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import io.m3j.vision.TileLayout;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * What the visual tokens of the full grid are to say of themselves: the mean cross-entropy of the words
 * for what lies under each patch, which the decoder's last norm and head read off the projected token
 * before any layer (as the logit lens reads hidden states). A patch with n words has a least loss of log
 * n. It gives a tower that starts from nothing a label for each patch, where the answers to questions
 * give it a few for the whole picture; there are no parameters of its own.
 */
final class GroundingLoss {

    private final TrainingKernels kernels;
    private final Network network;
    private final long patches;
    private final long vocabulary;

    /**
     * @param model whose norm and head read
     * @param network its parameters at work
     */
    GroundingLoss(TrainableModel model, Network network) {
        this.kernels = model.kernels();
        this.network = network.reading("grounding");
        this.patches = (long) model.vision().gridSide() * model.vision().gridSide();
        this.vocabulary = model.config().decoder().vocabularySize();
    }

    /**
     * @param said what the batch said so far
     * @param tokens [T, N, D], a leaf if its gradient is wanted
     * @param batch the examples
     * @param weight of this loss
     * @param back whether gradients are wanted
     * @return what the batch said, this included; as it was if no example is grounded
     * @throws NonFiniteLossException if the loss is no number
     * @throws M3Exception if a picture with words for its patches is cut into tiles, or a patch or word is
     *     none of the model's
     */
    StepResult add(StepResult said, NDArray tokens, CutBatch batch, double weight, boolean back) {
        batch.requirePlainGroundings();
        List<Example> examples = batch.examples();
        LongStream.Builder rows = LongStream.builder();
        LongStream.Builder targets = LongStream.builder();
        long tile = 0;
        for (int i = 0; i < examples.size(); i++) {
            Example example = examples.get(i);
            for (Grounding grounding : example.groundings()) {
                long start = tile * patches;
                tile++;
                require(example, "patches", grounding.patches(), patches);
                require(example, "ids", grounding.ids(), vocabulary);
                IntStream.of(grounding.patches()).forEach(patch -> rows.add(start + patch));
                IntStream.of(grounding.ids()).forEach(targets::add);
            }
            if (example.groundings().isEmpty()) {
                tile += batch.layouts().get(i).stream().mapToInt(TileLayout::tiles).sum();
            }
        }
        long[] places = rows.build().toArray();
        if (places.length == 0) {
            return said;
        }
        try (NDManager scope = kernels.newManager()) {
            LossWeights weights = new LossWeights(1, weight, 0, 0);
            ScaleLoss loss =
                    network.loss(
                            scope, tokens, places, targets.build().toArray(), List.of(), weights);
            double value = loss.loss().getFloat();
            if (!Double.isFinite(value)) {
                throw new NonFiniteLossException("loss of grounding", value, examples);
            }
            if (back) {
                Gradients.backward(loss.loss());
            }
            return said.withGrounding(value, loss.crossEntropy());
        }
    }

    private static void require(Example example, String what, int[] values, long end) {
        for (int value : values) {
            if (value < 0 || value >= end) {
                throw new M3Exception(
                        example.id()
                                + ": grounding: "
                                + what
                                + " from 0 to "
                                + (end - 1)
                                + " expected, found "
                                + value);
            }
        }
    }
}
