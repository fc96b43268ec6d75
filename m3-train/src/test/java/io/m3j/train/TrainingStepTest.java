package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.FloatType;
import io.m3j.llm.M3Model;
import io.m3j.train.data.Example;
import io.m3j.vision.EncodedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What one step promises beyond the golden runs. */
class TrainingStepTest {

    private static final JsonNode BATCHES = Golden.json("golden/train.json").get("batches");

    private static final List<Scale> SCALES =
            List.of(Scale.of(1), Scale.of(9), Scale.of(36), Scale.of(144), Scale.of(576));

    private final TrainableModel model =
            TrainableModel.open(Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(Part.values()));

    private TrainingBatch mixed;

    @BeforeEach
    void batch() {
        mixed = GoldenBatch.of(model, BATCHES.get("mixed"));
    }

    @AfterEach
    void close() {
        model.close();
    }

    /** The authors' form: the whole model once for each scale, the tower too. */
    @ParameterizedTest
    @EnumSource(Pooling.class)
    void oneRunOfTheTowerGivesTheGradientsOfFive(Pooling pooling) {
        StepOptions options = new StepOptions(pooling, FloatType.FLOAT32, 0, 2048);
        TrainingStep step = new TrainingStep(model, options);
        double loss = step.accumulate(mixed, LossOptions.mean(SCALES), 1, 0).loss();
        Map<String, float[]> once = gradients();
        model.zeroGradients();
        double sum = 0;
        for (Scale scale : SCALES) {
            sum += step.accumulate(mixed, LossOptions.mean(List.of(scale)), 0.2, 0).loss();
        }
        assertThat(loss).isCloseTo(sum, within(1e-5));
        Gathered.assertClose(once, gradients(), 1e-5);
        model.zeroGradients();
        assertThat(new FivePassStep(model, options).accumulate(mixed, SCALES))
                .isCloseTo(loss, within(1e-5));
        Gathered.assertClose(once, gradients(), 1e-5);
    }

    /** Two batches of one step weigh as their shares say. */
    @Test
    void gradientsOfSeveralBatchesAddUp() {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        LossOptions loss = LossOptions.mean(SCALES.subList(0, 3));
        step.accumulate(mixed, loss, 1, 0);
        Map<String, float[]> whole = gradients();
        model.zeroGradients();
        step.accumulate(mixed, loss, 0.25, 0);
        step.accumulate(mixed, loss, 0.75, 0);
        Gathered.assertClose(whole, gradients(), 1e-5);
    }

    @Test
    void activationsThatAreComputedAgainGiveTheSameGradients() {
        LossOptions loss = LossOptions.mean(SCALES).withDivergences(0.5, 0.25, 2);
        new TrainingStep(model, StepOptions.plain(2048)).accumulate(mixed, loss, 1, 0);
        Map<String, float[]> kept = gradients();
        for (int layers : new int[] {1, 3}) {
            model.zeroGradients();
            StepOptions again = new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, layers, 2048);
            new TrainingStep(model, again).accumulate(mixed, loss, 1, 0);
            Gathered.assertClose(kept, gradients(), 1e-5);
        }
    }

    /** Far from float32's digits, close enough to learn. */
    @Test
    void gradientsInBfloat16PointTheSameWay() {
        LossOptions loss = LossOptions.mean(SCALES);
        new TrainingStep(model, StepOptions.plain(2048)).accumulate(mixed, loss, 1, 0);
        Map<String, float[]> exact = gradients();
        model.zeroGradients();
        StepOptions options = new StepOptions(Pooling.AVERAGE, FloatType.BFLOAT16, 0, 2048);
        new TrainingStep(model, options).accumulate(mixed, loss, 1, 0);
        double product = 0;
        double left = 0;
        double right = 0;
        for (Map.Entry<String, float[]> entry : gradients().entrySet()) {
            float[] other = exact.get(entry.getKey());
            for (int i = 0; i < other.length; i++) {
                product += (double) entry.getValue()[i] * other[i];
                left += (double) entry.getValue()[i] * entry.getValue()[i];
                right += (double) other[i] * other[i];
            }
        }
        assertThat(product / Math.sqrt(left * right)).isGreaterThan(0.99);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void atOneRandomScaleEachTheLossIsThatOfTheirLabelsTogether(long seed) {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        LossOptions random = LossOptions.mean(SCALES).with(LossOptions.Mode.ONE_RANDOM_SCALE);
        double loss = step.accumulate(mixed, random, 1, seed).loss();
        assertThat(step.accumulate(mixed, random, 1, seed).loss()).isEqualTo(loss);
        // Some choice of scales gives this loss.
        List<double[]> sums = new ArrayList<>();
        int labels = 0;
        int picture = 0;
        for (Example example : mixed.examples()) {
            int count = example.images().size();
            TrainingBatch one =
                    new TrainingBatch(
                            List.of(example), mixed.pixels().subList(picture, picture + count));
            picture += count;
            StepResult alone = step.evaluate(one, LossOptions.mean(SCALES));
            sums.add(
                    alone.crossEntropy().values().stream()
                            .mapToDouble(mean -> mean * example.labelled())
                            .toArray());
            labels += example.labelled();
        }
        Gathered.assertOneScaleEach(loss, sums, labels);
    }

    @Test
    void divergencesAreThoseOfTheModelsOwnLogits() {
        Example example = mixed.examples().get(0);
        TrainingBatch one = new TrainingBatch(List.of(example), mixed.pixels().subList(0, 1));
        double temperature = 1.5;
        StepResult result =
                new TrainingStep(model, StepOptions.plain(2048))
                        .evaluate(
                                one,
                                LossOptions.mean(SCALES).withDivergences(0.5, 0.25, temperature));
        try (M3Model asked = M3Model.load(Golden.checkpoint("llava-m3"));
                EncodedImage image = asked.encode(example.images().get(0))) {
            double[][] finest = labelled(asked, image, example, Scale.of(576));
            double[][] finer = finest;
            double loss = 0;
            for (int i = SCALES.size() - 1; i >= 0; i--) {
                Scale scale = SCALES.get(i);
                double[][] logits = labelled(asked, image, example, scale);
                double fromFinest = divergence(finest, logits, temperature);
                double fromFiner = divergence(finer, logits, temperature);
                assertThat(result.distillation().get(scale))
                        .as("from the finest to " + scale)
                        .isCloseTo(fromFinest, within(1e-3));
                assertThat(result.consistency().get(scale))
                        .as("from the next finer to " + scale)
                        .isCloseTo(fromFiner, within(1e-3));
                loss += result.crossEntropy().get(scale) / 5 + 0.5 * fromFinest + 0.25 * fromFiner;
                finer = logits;
            }
            assertThat(result.loss()).isCloseTo(loss, within(2e-3));
        }
    }

    private static double[][] labelled(
            M3Model asked, EncodedImage image, Example example, Scale scale) {
        List<double[]> rows = new ArrayList<>();
        try (NDArray logits = asked.logits(image, example.ids(), scale)) {
            int width = (int) logits.getShape().get(1);
            float[] all = logits.toFloatArray();
            int before = 0;
            for (int i = 1; i < example.ids().length; i++) {
                before += example.ids()[i - 1] == -200 ? scale.tokens() : 1;
                if (example.labels()[i] != Example.IGNORED) {
                    double[] row = new double[width];
                    for (int j = 0; j < width; j++) {
                        row[j] = all[(before - 1) * width + j];
                    }
                    rows.add(row);
                }
            }
        }
        return rows.toArray(double[][]::new);
    }

    private static double divergence(double[][] teacher, double[][] student, double temperature) {
        double sum = 0;
        for (int i = 0; i < teacher.length; i++) {
            double[] wanted = logSoftmax(teacher[i], temperature);
            double[] given = logSoftmax(student[i], temperature);
            for (int j = 0; j < wanted.length; j++) {
                sum += Math.exp(wanted[j]) * (wanted[j] - given[j]);
            }
        }
        return temperature * temperature * sum / teacher.length;
    }

    private static double[] logSoftmax(double[] logits, double temperature) {
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit / temperature);
        }
        double[] result = new double[logits.length];
        for (int i = 0; i < logits.length; i++) {
            result[i] = logits[i] / temperature - Math.log(sum);
        }
        return result;
    }

    @Test
    void whatDoesNotLearnGetsNoGradient() {
        for (Set<Part> learning :
                List.of(
                        Set.of(Part.PROJECTOR),
                        Set.of(Part.TOWER),
                        Set.of(Part.DECODER),
                        Set.<Part>of())) {
            try (TrainableModel part =
                    TrainableModel.open(Golden.checkpoint("llava-m3"), Device.cpu(), learning)) {
                TrainingStep step = new TrainingStep(part, StepOptions.plain(2048));
                step.accumulate(mixed, LossOptions.mean(SCALES.subList(0, 2)), 1, 0);
                part.parameters()
                        .keySet()
                        .forEach(
                                name ->
                                        assertThat(part.gradient(name).isPresent())
                                                .as(name)
                                                .isEqualTo(learning.contains(Part.of(name))));
            }
        }
    }

    @Test
    void aBatchOfTextAloneNeedsNoTower() {
        TrainingBatch text = new TrainingBatch(List.of(mixed.examples().get(1)), List.of());
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        StepResult result = step.accumulate(text, LossOptions.mean(SCALES), 1, 0);
        assertThat(result.crossEntropy().values())
                .allSatisfy(one -> assertThat(one).isCloseTo(result.loss(), within(1e-5)));
        gradients()
                .forEach(
                        (name, values) -> {
                            if (Part.of(name) != Part.DECODER) {
                                assertThat(values).as(name).containsOnly(0);
                            }
                        });
    }

    /** All scales read the same: one reading with all their weights does for them. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5})
    void aBatchOfTextAloneIsReadOnceForAllScales(double divergence) {
        Example one = mixed.examples().get(1);
        TrainingBatch text = new TrainingBatch(List.of(one), List.of());
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        Map<Scale, Double> weights = new TreeMap<>(Map.of(Scale.of(1), 0.25, Scale.of(36), 1.5));
        LossOptions loss =
                new LossOptions(weights, LossOptions.Mode.ALL_SCALES, divergence, divergence, 2, 0);
        StepResult result = step.accumulate(text, loss, 0.5, 0);
        Map<String, float[]> once = gradients();
        assertThat(result.positions()).isEqualTo(one.ids().length);
        assertThat(result.crossEntropy().keySet()).isEqualTo(weights.keySet());
        assertThat(result.distillation().keySet())
                .isEqualTo(divergence > 0 ? weights.keySet() : Set.of());
        assertThat(result.distillation().values()).allMatch(value -> value == 0);
        model.zeroGradients();
        assertThat(result.loss()).isCloseTo(oneByOne(step, text, weights, 0.5), within(1e-5));
        Gathered.assertClose(once, gradients(), 1e-5);
    }

    @Test
    void eachScaleWeighsAsItIsTold() {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        Map<Scale, Double> weights = Map.of(Scale.of(1), 0.25, Scale.of(9), 0.5, Scale.of(36), 1.5);
        LossOptions loss = new LossOptions(weights, LossOptions.Mode.ALL_SCALES, 0, 0, 1, 0);
        double together = step.accumulate(mixed, loss, 0.5, 0).loss();
        Map<String, float[]> once = gradients();
        model.zeroGradients();
        assertThat(together).isCloseTo(oneByOne(step, mixed, weights, 0.5), within(1e-5));
        Gathered.assertClose(once, gradients(), 1e-5);
    }

    /** Each scale in a step of its own, with its weight for a share. */
    private static double oneByOne(
            TrainingStep step, TrainingBatch batch, Map<Scale, Double> weights, double share) {
        double loss = 0;
        for (Map.Entry<Scale, Double> entry : weights.entrySet()) {
            LossOptions alone = LossOptions.mean(List.of(entry.getKey()));
            loss += step.accumulate(batch, alone, share * entry.getValue(), 0).loss();
        }
        return loss;
    }

    @Test
    void aLossThatIsNoNumberIsRefused() {
        float[] broken = new float[64];
        broken[3] = Float.NaN;
        model.assign("vision_tower.embeddings.class_embedding", java.nio.FloatBuffer.wrap(broken));
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        assertThatThrownBy(() -> step.accumulate(mixed, LossOptions.mean(SCALES), 1, 0))
                .isInstanceOf(NonFiniteLossException.class)
                .hasMessageContaining("loss at scale 576")
                .hasMessageContaining("T0");
    }

    @Test
    void aScaleThatTheGridHasNotIsRefused() {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        LossOptions loss = LossOptions.mean(List.of(Scale.of(4)));
        assertThatThrownBy(() -> step.evaluate(mixed, loss)).isInstanceOf(M3Exception.class);
    }

    /** Arrays of Java's numbers take part in graphs, which do not keep their memory. */
    @Test
    void theGarbageCollectorDoesNotTakeWhatAGraphReads() throws InterruptedException {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        LossOptions loss = LossOptions.mean(SCALES);
        step.accumulate(mixed, loss, 1, 0);
        Map<String, float[]> first = gradients();
        AtomicBoolean running = new AtomicBoolean(true);
        Thread collector =
                new Thread(
                        () -> {
                            while (running.get()) {
                                System.gc();
                            }
                        });
        collector.start();
        try {
            for (int i = 0; i < 4; i++) {
                model.zeroGradients();
                step.accumulate(mixed, loss, 1, 0);
                Gathered.assertClose(first, gradients(), 1e-6);
            }
        } finally {
            running.set(false);
            collector.join();
        }
    }

    @Test
    void stepsLeaveNothingBehind() {
        try (AdamW optimizer = new AdamW(model, AdamW.Options.DEFAULT)) {
            TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
            LossOptions loss = LossOptions.mean(SCALES).withDivergences(1, 1, 1);
            int after = 0;
            for (int i = 0; i < 5; i++) {
                model.zeroGradients();
                step.accumulate(mixed, loss, 1, 0);
                optimizer.clip(1);
                optimizer.step(part -> 1e-4);
                step.evaluate(mixed, loss);
                int now = model.kernels().managedArrays();
                if (i > 0) {
                    assertThat(now).isEqualTo(after);
                }
                after = now;
            }
        }
    }

    private Map<String, float[]> gradients() {
        return Gathered.gradients(model);
    }
}
