package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.llm.M3Model;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import io.m3j.vision.EncodedImage;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GroundingLossTest {

    private static final JsonNode BATCHES = Golden.json("golden/train.json").get("batches");
    private static final Grounding WORDS =
            new Grounding(new int[] {0, 5, 5, 575}, new int[] {7, 300, 11, 7});
    private static final LossOptions ALONE =
            new LossOptions(Map.of(), LossOptions.Mode.ALL_SCALES, 0, 0, 1, 0.5);

    private final TrainableModel model =
            TrainableModel.open(Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(Part.values()));
    private final TrainingBatch mixed = GoldenBatch.of(model, BATCHES.get("mixed"));
    private final TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));

    @AfterEach
    void close() {
        model.close();
    }

    /** The same picture's projected tokens from the model that answers, read in Java. */
    @Test
    void isTheCrossEntropyOfTheHeadOnTheProjectedTokens() {
        Example first = mixed.examples().get(0);
        double sum = 0;
        try (M3Model asked = M3Model.load(Golden.checkpoint("llava-m3"));
                EncodedImage image = asked.encode(first.images().get(0))) {
            NDArray tokens = image.at(Scale.of(576));
            int width = (int) tokens.getShape().get(2);
            float[] all = tokens.toFloatArray();
            for (int i = 0; i < WORDS.patches().length; i++) {
                double[] x = new double[width];
                for (int j = 0; j < width; j++) {
                    x[j] = all[WORDS.patches()[i] * width + j];
                }
                sum += crossEntropy(x, WORDS.ids()[i]);
            }
        }
        StepResult result = step.evaluate(grounded(WORDS), ALONE);
        assertThat(result.crossEntropy()).isEmpty();
        assertThat(result.grounding().orElseThrow()).isCloseTo(sum / 4, within(1e-4));
        assertThat(result.loss()).isCloseTo(0.5 * sum / 4, within(1e-4));
    }

    private double crossEntropy(double[] x, int id) {
        float[] norm = model.parameters().get("decoder.norm.weight").toFloatArray();
        float[] head = model.parameters().get("decoder.lm_head.weight").toFloatArray();
        double squares = 0;
        for (double value : x) {
            squares += value * value;
        }
        double epsilon = model.config().decoder().rmsNormEpsilon();
        double scale = 1 / Math.sqrt(squares / x.length + epsilon);
        double exponentials = 0;
        double wanted = 0;
        for (int row = 0; row < head.length / x.length; row++) {
            double logit = 0;
            for (int j = 0; j < x.length; j++) {
                logit += head[row * x.length + j] * x[j] * scale * norm[j];
            }
            exponentials += Math.exp(logit);
            wanted = row == id ? logit : wanted;
        }
        return Math.log(exponentials) - wanted;
    }

    /** Along the gradient of what it flows through, the loss changes as the gradient says. */
    @Test
    void itsGradientReachesHeadProjectorAndTower() {
        TrainingBatch batch = grounded(WORDS);
        step.accumulate(batch, ALONE, 1, 0);
        for (String name :
                List.of(
                        "decoder.lm_head.weight",
                        "decoder.norm.weight",
                        "projector.0.weight",
                        "vision_tower.embeddings.patch_embedding.weight")) {
            float[] slope = gradient(name);
            float[] values = model.parameters().get(name).toFloatArray();
            double length = 0;
            for (float value : slope) {
                length += (double) value * value;
            }
            assertThat(length).as(name).isPositive();
            double reach = 0.005 / Math.sqrt(length);
            double up = lossAt(batch, name, values, slope, reach);
            double down = lossAt(batch, name, values, slope, -reach);
            assertThat((up - down) / (2 * reach)).as(name).isCloseTo(length, within(0.05 * length));
            model.assign(name, FloatBuffer.wrap(values));
        }
        assertThat(gradient("decoder.layers.0.self_attn.q_proj.weight")).containsOnly(0);
    }

    private double lossAt(
            TrainingBatch batch, String name, float[] values, float[] slope, double reach) {
        float[] moved = values.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (reach * slope[i]);
        }
        model.assign(name, FloatBuffer.wrap(moved));
        return step.evaluate(batch, ALONE).loss();
    }

    @Test
    void addsToTheLossOfTheScales() {
        TrainingBatch batch = grounded(WORDS);
        LossOptions answers = LossOptions.mean(List.of(Scale.of(1), Scale.of(9)));
        double alone = step.evaluate(batch, answers).loss();
        double words = step.evaluate(batch, ALONE).loss();
        assertThat(step.accumulate(batch, answers.withGrounding(0.5), 1, 0).loss())
                .isCloseTo(alone + words, within(1e-5));
        // A share of a step is a share of the gradient.
        float[] whole = gradient("projector.0.weight");
        model.zeroGradients();
        step.accumulate(batch, answers.withGrounding(0.5), 0.25, 0);
        float[] quarter = gradient("projector.0.weight");
        for (int i = 0; i < whole.length; i++) {
            assertThat(quarter[i]).isCloseTo(whole[i] / 4, within(1e-6f));
        }
    }

    /** Pictures without words stand between those that have some. */
    @Test
    void countsPicturesThatHaveNoWords() {
        TrainingBatch one = grounded(WORDS);
        List<Example> examples = new ArrayList<>(List.of(mixed.examples().get(0)));
        examples.addAll(one.examples());
        List<float[]> pixels = new ArrayList<>();
        pixels.add(new float[mixed.pixels().get(0).length]);
        pixels.addAll(one.pixels());
        assertThat(step.evaluate(new TrainingBatch(examples, pixels), ALONE).loss())
                .isCloseTo(step.evaluate(one, ALONE).loss(), within(1e-5));
    }

    @Test
    void withoutWordsTheScalesAreLeftAlone() {
        LossOptions answers = LossOptions.mean(List.of(Scale.of(1)));
        StepResult result = step.accumulate(mixed, answers.withGrounding(1), 1, 0);
        assertThat(result).isEqualTo(step.accumulate(mixed, answers, 1, 0));
        assertThatThrownBy(() -> step.accumulate(mixed, ALONE, 1, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("nothing to learn");
    }

    /** As in a stage of a curriculum in which the decoder rests, whatever comes behind it. */
    @Test
    void aloneItIsTheSameInEveryMode() {
        TrainingBatch batch = grounded(WORDS);
        StepResult one =
                step.accumulate(batch, ALONE.with(LossOptions.Mode.ONE_RANDOM_SCALE), 1, 0);
        assertThat(one).isEqualTo(step.accumulate(batch, ALONE, 1, 0));
        assertThat(one.positions()).isZero();
    }

    @Test
    void whatIsOutsideOfGridOrVocabularyIsRefused() {
        Grounding beyond = new Grounding(new int[] {576}, new int[] {7});
        assertThatThrownBy(() -> step.evaluate(grounded(beyond), ALONE))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("grounding: patches from 0 to 575 expected, found 576");
        Grounding unknown = new Grounding(new int[] {5}, new int[] {-1});
        assertThatThrownBy(() -> step.evaluate(grounded(unknown), ALONE))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found -1");
        assertThatThrownBy(() -> new Grounding(new int[2], new int[1]))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("2 patches, but 1 ids");
    }

    private TrainingBatch grounded(Grounding words) {
        Example plain = mixed.examples().get(0);
        Example example =
                new Example(
                        plain.id(), plain.ids(), plain.labels(), plain.images(), List.of(words));
        return new TrainingBatch(List.of(example), mixed.pixels().subList(0, 1));
    }

    private float[] gradient(String name) {
        try (NDArray gradient = model.gradient(name).orElseThrow()) {
            return gradient.toFloatArray();
        }
    }
}
