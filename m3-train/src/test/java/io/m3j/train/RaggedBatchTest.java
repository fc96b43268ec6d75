package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.FloatType;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.vision.M3Image;
import io.m3j.vision.TileLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches whose examples have no picture, one or several, each cut into tiles of its own number. */
class RaggedBatchTest extends RaggedTestBase {

    // What the decoder reads

    /** The last row of the reference's logits says how well it foretells any id. */
    @Test
    void theLossOfEveryGoldenPictureIsThatOfTheReferencesLogits() {
        JsonNode next = Golden.json("golden/next.json");
        TrainableModel model = open(NEXT);
        int compared = 0;
        for (Map.Entry<String, JsonNode> entry : next.get("images").properties()) {
            M3Image image = picture(entry.getKey());
            TileLayout layout = model.imageProcessor().layout(image.width(), image.height());
            JsonNode grid = entry.getValue().get("grid_wh");
            // Of two canvases that serve equally well this layout takes the other one.
            if (layout.columns() == grid.get(0).asInt() && layout.rows() == grid.get(1).asInt()) {
                golden(model, entry.getKey(), entry.getKey(), next);
                compared++;
            }
        }
        assertThat(compared).isGreaterThan(4);
        JsonNode variant = next.at("/variants/" + NEXT_BF16);
        String name = variant.get("image").asText();
        golden(open(NEXT_BF16), name, "bf16." + name, next);
    }

    private static void golden(TrainableModel model, String picture, String name, JsonNode next) {
        GoldenTensors golden = Golden.tensors("golden/next.safetensors");
        long[] prompt = longs(next.get("ids"));
        long[] ids = Arrays.copyOf(prompt, prompt.length + 1);
        ids[prompt.length] = 119;
        long[] labels = new long[ids.length];
        Arrays.fill(labels, Example.IGNORED);
        labels[prompt.length] = 119;
        Example example = new Example(name, ids, labels, List.of(picture(picture)));
        StepResult result =
                new TrainingStep(model, StepOptions.plain(LONGEST))
                        .evaluate(batch(model, List.of(example)), LossOptions.mean(SCALES));
        for (Scale scale : SCALES) {
            float[] logits = golden.f32(name + ".logits_last." + scale);
            assertThat(result.crossEntropy().get(scale))
                    .as(name + " at scale " + scale)
                    .isCloseTo(-logSoftmax(logits, 0, logits.length, 119), within(5e-4));
        }
    }

    private static long[] longs(JsonNode numbers) {
        return StreamSupport.stream(numbers.spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
    }

    /** Several pictures, each in its place, cut off behind so many places. */
    @ParameterizedTest
    @ValueSource(strings = {NEXT, NEXT_BF16, "llava-m3"})
    void theLossIsThatOfTheLogitsOfTheModelThatIsAsked(String checkpoint) {
        TrainableModel model = open(checkpoint);
        try (M3Model asked = asked(Golden.checkpoint(checkpoint))) {
            for (int longest : new int[] {LONGEST, 100}) {
                StepResult result =
                        new TrainingStep(model, StepOptions.plain(longest))
                                .evaluate(mixed(model), LossOptions.mean(FEW));
                for (Scale scale : FEW) {
                    assertThat(result.crossEntropy().get(scale))
                            .as("scale " + scale + " of " + longest + " places")
                            .isCloseTo(crossEntropy(asked, mixed(), scale, longest), within(2e-4));
                }
            }
        }
    }

    /** What the finest scale cuts off counts at no scale where scales are held against each other. */
    @Test
    void scalesAreComparedByTheIdsThatTheFinestLeaves() {
        TrainableModel model = open(NEXT);
        List<Example> masked = new ArrayList<>();
        for (Example example : mixed()) {
            long[] labels = example.labels().clone();
            int place = 0;
            int picture = 0;
            for (int i = 0; i < labels.length; i++) {
                labels[i] = place < 100 ? labels[i] : Example.IGNORED;
                boolean slot = example.ids()[i] == M3Tokenizer.IMAGE_ID;
                place += slot ? tokens(model, example.images().get(picture++)) : 1;
            }
            masked.add(new Example(example.id(), example.ids(), labels, example.images()));
        }
        assertThat(batch(model, masked).labelled())
                .isBetween(6, mixed(model).labelled() - 5); // of a text, and of the first picture
        LossOptions loss = LossOptions.mean(FEW).withDivergences(0.5, 0.25, 2);
        StepResult cut =
                new TrainingStep(model, StepOptions.plain(100))
                        .accumulate(mixed(model), loss, 1, 0);
        StepResult whole =
                new TrainingStep(model, StepOptions.plain(LONGEST))
                        .evaluate(batch(model, masked), loss);
        for (Scale scale : FEW) {
            assertThat(cut.crossEntropy().get(scale))
                    .isCloseTo(whole.crossEntropy().get(scale), within(1e-5));
            assertThat(cut.distillation().get(scale))
                    .isCloseTo(whole.distillation().get(scale), within(1e-5));
        }
    }

    private static int tokens(TrainableModel model, M3Image image) {
        return model.imageProcessor()
                .layout(image.width(), image.height())
                .tokenCount(FEW.get(FEW.size() - 1));
    }

    @Test
    void eachPictureStandsInItsOwnPlace() {
        TrainableModel model = open(NEXT);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        LossOptions loss = LossOptions.mean(FEW);
        double right = step.evaluate(mixed(model), loss).loss();
        Example two = mixed().get(2);
        Example turned = new Example("turned", two.ids(), two.labels(), List.of(WIDE, TALL));
        List<Example> examples = List.of(mixed().get(0), mixed().get(1), turned);
        assertThat(step.evaluate(batch(model, examples), loss).loss())
                .isNotCloseTo(right, within(1e-4));
    }

    // Gradients

    /** The authors' form, the whole model once for each scale, for pictures that they never trained on. */
    @ParameterizedTest
    @EnumSource(Pooling.class)
    void oneRunOfTheTowerGivesTheGradientsOfFive(Pooling pooling) {
        TrainableModel model = open(NEXT);
        TrainingBatch batch = mixed(model);
        List<Scale> scales = pooling == Pooling.AVERAGE ? SCALES : FEW;
        StepOptions options = new StepOptions(pooling, FloatType.FLOAT32, 0, LONGEST);
        TrainingStep step = new TrainingStep(model, options);
        double loss = step.accumulate(batch, LossOptions.mean(scales), 1, 0).loss();
        Map<String, float[]> once = Gathered.gradients(model);
        assertThat(norm(once.get(NEWLINE))).isGreaterThan(1e-3);
        model.zeroGradients();
        assertThat(new FivePassStep(model, options).accumulate(batch, scales))
                .isCloseTo(loss, within(1e-5));
        Gathered.assertClose(once, Gathered.gradients(model), 1e-5);
    }

    /** Each picture alone, then together: what they leave in the shared weights adds up. */
    @ParameterizedTest
    @ValueSource(ints = {0, 12})
    void gradientsOfABatchAreThoseOfItsExamples(int window) {
        TrainableModel model = open(NEXT);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST).withWindow(window));
        LossOptions loss = LossOptions.mean(FEW);
        TrainingBatch batch = mixed(model);
        step.accumulate(batch, loss, 1, 0);
        Map<String, float[]> together = Gathered.gradients(model);
        model.zeroGradients();
        for (Example example : mixed()) {
            double share = (double) example.labelled() / batch.labelled();
            step.accumulate(batch(model, List.of(example)), loss, share, 0);
        }
        Gathered.assertClose(together, Gathered.gradients(model), 1e-5);
    }

    @Test
    void theNewlinesGradientIsTheSlopeOfTheLoss() {
        slope(open(NEXT), mixed(), LossOptions.mean(FEW));
    }

    @Test
    void activationsThatAreComputedAgainGiveTheSameGradients() {
        TrainableModel model = open(NEXT);
        LossOptions loss = LossOptions.mean(FEW).withDivergences(0.5, 0.25, 2);
        new TrainingStep(model, StepOptions.plain(LONGEST)).accumulate(mixed(model), loss, 1, 0);
        Map<String, float[]> kept = Gathered.gradients(model);
        model.zeroGradients();
        StepOptions again = new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, 1, LONGEST);
        new TrainingStep(model, again).accumulate(mixed(model), loss, 1, 0);
        Gathered.assertClose(kept, Gathered.gradients(model), 1e-5);
    }

    /** The way back ends where nothing learns, and comes as far as that. */
    @ParameterizedTest
    @EnumSource(Part.class)
    void soTheyDoWhereOnePartLearnsAlone(Part part) {
        LossOptions loss = LossOptions.mean(FEW.subList(0, 2));
        Map<String, float[]> kept = null;
        for (int layersAgain : new int[] {0, 1}) {
            TrainableModel model = open(Golden.checkpoint(NEXT), Set.of(part));
            StepOptions options =
                    new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, layersAgain, LONGEST)
                            .withTilesAtOnce(5 * layersAgain);
            new TrainingStep(model, options).accumulate(mixed(model), loss, 1, 0);
            Map<String, float[]> found = Gathered.gradients(model);
            assertThat(found.keySet()).isNotEmpty().allMatch(name -> Part.of(name) == part);
            if (kept != null) {
                Gathered.assertClose(kept, found, 1e-5);
            }
            kept = found;
        }
    }

    /** Far from float32's digits, close enough to learn. */
    @Test
    void gradientsInBfloat16PointTheSameWay() {
        TrainableModel model = open(NEXT);
        LossOptions loss = LossOptions.mean(FEW);
        new TrainingStep(model, StepOptions.plain(LONGEST)).accumulate(mixed(model), loss, 1, 0);
        Map<String, float[]> exact = Gathered.gradients(model);
        model.zeroGradients();
        StepOptions options = new StepOptions(Pooling.AVERAGE, FloatType.BFLOAT16, 0, LONGEST);
        new TrainingStep(model, options).accumulate(mixed(model), loss, 1, 0);
        float[] rounded = Gathered.gradients(model).get(NEWLINE);
        double product = 0;
        for (int i = 0; i < rounded.length; i++) {
            product += (double) rounded[i] * exact.get(NEWLINE)[i];
        }
        assertThat(product / norm(rounded) / norm(exact.get(NEWLINE))).isGreaterThan(0.99);
    }

    /** Thirteen tiles: portions that end within a picture, a rest of one, and one that is all. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 12, 13})
    void tilesThatAreComputedAFewAtATimeGiveTheSameGradients(int atOnce) {
        TrainableModel model = open(NEXT);
        LossOptions loss = LossOptions.mean(FEW);
        StepOptions plain = StepOptions.plain(LONGEST).withWindow(12);
        TrainingBatch batch = mixed(model);
        assertThat(batch.pixels().stream().mapToInt(p -> p.length).sum())
                .isEqualTo(13 * 3 * 336 * 336);
        double whole = new TrainingStep(model, plain).accumulate(batch, loss, 1, 5).loss();
        Map<String, float[]> kept = Gathered.gradients(model);
        model.zeroGradients();
        int before = model.kernels().managedArrays();
        TrainingStep step = new TrainingStep(model, plain.withTilesAtOnce(atOnce));
        assertThat(step.accumulate(batch, loss, 1, 5).loss()).isCloseTo(whole, within(1e-6));
        assertThat(model.kernels().managedArrays()).isEqualTo(before);
        Gathered.assertClose(kept, Gathered.gradients(model), 1e-5);
        double evaluated = new TrainingStep(model, plain).evaluate(batch, loss).loss();
        assertThat(step.evaluate(batch, loss).loss()).isCloseTo(evaluated, within(1e-6));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void atOneRandomScaleEachTheLossIsThatOfTheirLabelsTogether(long seed) {
        TrainableModel model = open(NEXT);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        LossOptions random = LossOptions.mean(FEW).with(LossOptions.Mode.ONE_RANDOM_SCALE);
        double loss = step.accumulate(mixed(model), random, 1, seed).loss();
        List<double[]> sums = new ArrayList<>();
        int labels = 0;
        for (Example example : mixed()) {
            StepResult alone = step.evaluate(batch(model, List.of(example)), LossOptions.mean(FEW));
            sums.add(
                    alone.crossEntropy().values().stream()
                            .mapToDouble(mean -> mean * example.labelled())
                            .toArray());
            labels += example.labelled();
        }
        Gathered.assertOneScaleEach(loss, sums, labels);
    }
}
