package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import io.m3j.vision.TileLayout;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches whose examples have no picture, one or several, each cut into tiles of its own number. */
class RaggedBatchTest {

    private static final String NEXT = "llava-next-hf";
    private static final String NEXT_BF16 = "llava-next-m3-bf16";
    private static final String NEWLINE = "image_newline";

    private static final int LONGEST = 8192;

    private static final List<Scale> SCALES =
            List.of(Scale.of(1), Scale.of(9), Scale.of(36), Scale.of(144), Scale.of(576));

    /** All but the finest, for what need not be asked of thousands of tokens. */
    private static final List<Scale> FEW = SCALES.subList(0, 3);

    private static final M3Image LAND = picture("land_640x480");
    private static final M3Image TALL = picture("tall_33x700");
    private static final M3Image WIDE = picture("wide_900x40");

    @TempDir private Path temporary;

    private final List<TrainableModel> opened = new ArrayList<>();

    @AfterEach
    void close() {
        opened.forEach(TrainableModel::close);
    }

    private TrainableModel open(Path directory, Set<Part> learning) {
        TrainableModel model = TrainableModel.open(directory, Device.cpu(), learning);
        opened.add(model);
        return model;
    }

    private TrainableModel open(String checkpoint) {
        return open(Golden.checkpoint(checkpoint), Set.of(Part.values()));
    }

    private static M3Image picture(String name) {
        return M3Image.of(Golden.image(name + ".png"));
    }

    private static M3Model asked(Path directory) {
        return M3Model.load(directory, LoadOptions.builder().precision(Precision.FLOAT32).build());
    }

    /** A text, a picture, and two of other sizes, one tall and one wide, with an answer between them. */
    private static List<Example> mixed() {
        return List.of(
                example("text", 9, 4, List.of()),
                example("one", 11, 6, List.of(LAND), 2),
                example("two", 14, 9, List.of(TALL, WIDE), 1, 11));
    }

    /** Ids by chance, slots at the places named, labels from some place on. */
    private static Example example(
            String id, int length, int answer, List<M3Image> images, int... slots) {
        Random random = new Random(id.hashCode());
        long[] ids = new long[length];
        long[] labels = new long[length];
        for (int i = 0; i < length; i++) {
            ids[i] = i == 0 ? 1 : 3 + random.nextInt(500);
        }
        for (int slot : slots) {
            ids[slot] = M3Tokenizer.IMAGE_ID;
        }
        for (int i = 0; i < length; i++) {
            boolean answers = i >= answer && ids[i] != M3Tokenizer.IMAGE_ID;
            labels[i] = answers ? ids[i] : Example.IGNORED;
        }
        return new Example(id, ids, labels, images);
    }

    private static TrainingBatch batch(TrainableModel model, List<Example> examples) {
        return new TrainingBatch(
                examples,
                examples.stream()
                        .flatMap(example -> example.images().stream())
                        .map(model.imageProcessor()::tiles)
                        .toList());
    }

    private static TrainingBatch mixed(TrainableModel model) {
        return batch(model, mixed());
    }

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

    private static double logSoftmax(float[] logits, int start, int width, long id) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += Math.exp(logits[start + i]);
        }
        return logits[start + (int) id] - Math.log(sum);
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

    private static double crossEntropy(
            M3Model asked, List<Example> examples, Scale scale, int longest) {
        double sum = 0;
        int labels = 0;
        for (Example example : examples) {
            List<EncodedImage> images = example.images().stream().map(asked::encode).toList();
            try (NDArray logits = asked.logits(images, example.ids(), scale)) {
                int width = (int) logits.getShape().get(1);
                float[] all = logits.toFloatArray();
                int place = 0;
                int picture = 0;
                for (int i = 0; i < example.ids().length; i++) {
                    if (example.labels()[i] != Example.IGNORED && place < longest) {
                        sum -= logSoftmax(all, (place - 1) * width, width, example.labels()[i]);
                        labels++;
                    }
                    boolean slot = example.ids()[i] == M3Tokenizer.IMAGE_ID;
                    place += slot ? images.get(picture++).tokenCount(scale) : 1;
                }
            } finally {
                images.forEach(EncodedImage::close);
            }
        }
        return sum / labels;
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

    /** Along the gradient, where the loss is steepest, and along a direction of chance. */
    private static void slope(TrainableModel model, List<Example> examples, LossOptions loss) {
        TrainingBatch batch = batch(model, examples);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        step.accumulate(batch, loss, 1, 0);
        float[] gradient = Gathered.gradients(model).get(NEWLINE);
        float[] values = model.parameters().get(NEWLINE).toFloatArray();
        Random random = new Random(7);
        double[] chance = new double[values.length];
        double[] steepest = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            steepest[i] = gradient[i] / norm(gradient);
            chance[i] = steepest[i] + 0.2 * random.nextGaussian();
        }
        for (double[] direction : new double[][] {steepest, chance}) {
            double expected = 0;
            for (int i = 0; i < values.length; i++) {
                expected += direction[i] * gradient[i];
            }
            double ahead = moved(model, step, batch, loss, values, direction, 0.02);
            double behind = moved(model, step, batch, loss, values, direction, -0.02);
            assertThat((ahead - behind) / 0.04).isCloseTo(expected, within(0.02 * expected));
        }
    }

    private static double moved(
            TrainableModel model,
            TrainingStep step,
            TrainingBatch batch,
            LossOptions loss,
            float[] values,
            double[] direction,
            double far) {
        float[] moved = values.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (far * direction[i]);
        }
        model.assign(NEWLINE, FloatBuffer.wrap(moved));
        double value = step.evaluate(batch, loss).loss();
        model.assign(NEWLINE, FloatBuffer.wrap(values));
        return value;
    }

    private static double norm(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
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
        double nearest = Double.MAX_VALUE;
        for (double first : sums.get(0)) {
            for (double second : sums.get(1)) {
                for (double third : sums.get(2)) {
                    double mean = (first + second + third) / labels;
                    nearest = Math.min(nearest, Math.abs(mean - loss));
                }
            }
        }
        assertThat(nearest).isLessThan(1e-5);
    }

    // Who learns

    @Test
    void theNewlineLearnsWithTheProjector() {
        for (Part part : Part.values()) {
            TrainableModel model = open(Golden.checkpoint(NEXT), Set.of(part));
            TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
            step.accumulate(mixed(model), LossOptions.mean(FEW.subList(0, 2)), 1, 0);
            assertThat(model.gradient(NEWLINE).isPresent()).isEqualTo(part == Part.PROJECTOR);
            if (part == Part.PROJECTOR) {
                assertThat(norm(model.gradient(NEWLINE).orElseThrow().toFloatArray()))
                        .isGreaterThan(1e-3);
            }
        }
    }

    /** A newline is no module, which is all that PEFT can name, but it is kept and read again. */
    @Test
    void besideAdaptersOfTheDecoderTheNewlineIsLearntAndKept() throws IOException {
        TrainableModel model = open(NEXT);
        Lora lora = Lora.attach(model, new LoraOptions(List.of("q_proj"), false, 2, 4), 1);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        try (AdamW optimizer = new AdamW(model, AdamW.Options.DEFAULT)) {
            step.accumulate(mixed(model), LossOptions.mean(FEW.subList(0, 2)), 1, 0);
            optimizer.step(part -> 1e-3);
        }
        Path adapter = temporary.resolve("adapter");
        lora.save(adapter);
        float[] learnt = model.parameters().get(NEWLINE).toFloatArray();
        TrainableModel other = open(NEXT);
        assertThat(other.parameters().get(NEWLINE).toFloatArray()).isNotEqualTo(learnt);
        Lora.load(other, adapter);
        assertThat(other.parameters().get(NEWLINE).toFloatArray()).isEqualTo(learnt);
        JsonNode config =
                new ObjectMapper().readTree(adapter.resolve("adapter_config.json").toFile());
        assertThat(config.get("modules_to_save"))
                .extracting(JsonNode::asText)
                .containsExactly("multi_modal_projector");
    }

    @Test
    void besideAdaptersOfTheProjectorTheNewlineStays() {
        TrainableModel model = open(NEXT);
        Lora.attach(model, new LoraOptions(List.of("linear_1", "linear_2"), false, 2, 4), 1);
        assertThat(model.learns(NEWLINE)).isFalse();
    }

    @Test
    void aModelThatStartsFromNothingHasANewlineToo() {
        TrainableModel model = TrainableModel.random(Golden.checkpoint(NEXT), 3, Device.cpu());
        opened.add(model);
        assertThat(norm(model.parameters().get(NEWLINE).toFloatArray())).isBetween(0.1, 3.0);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        step.accumulate(mixed(model), LossOptions.mean(FEW.subList(0, 2)), 1, 0);
        assertThat(norm(Gathered.gradients(model).get(NEWLINE))).isPositive();
    }

    @Test
    void aBatchOfTextAloneLeavesTheNewlineAsItIs() {
        TrainableModel model = open(NEXT);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        step.accumulate(batch(model, mixed().subList(0, 1)), LossOptions.mean(FEW), 1, 0);
        assertThat(Gathered.gradients(model).get(NEWLINE)).containsOnly(0);
    }

    @Test
    void pixelsOfAnotherNumberOfTilesAreRefused() {
        TrainableModel model = open(NEXT);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        TrainingBatch one =
                new TrainingBatch(
                        mixed().subList(1, 2), List.of(model.imageProcessor().pixels(LAND)));
        assertThatThrownBy(() -> step.evaluate(one, LossOptions.mean(FEW)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("640×480: pixels of 5 tiles");
    }

    @Test
    void wordsForPatchesOfAPictureThatIsCutAreRefused() {
        TrainableModel model = open(NEXT);
        Example one = mixed().get(1);
        Grounding grounding = new Grounding(new int[] {3}, new int[] {5});
        Example grounded =
                new Example("g", one.ids(), one.labels(), one.images(), List.of(grounding));
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        LossOptions loss = LossOptions.mean(FEW).withGrounding(1);
        assertThatThrownBy(() -> step.evaluate(batch(model, List.of(grounded)), loss))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("g: words for patches")
                .hasMessageContaining("5 tiles");
    }

    // Other ways to merge tiles

    @ParameterizedTest
    @ValueSource(strings = {"anyres_max_1 spatial_unpad", "anyres flat", "anyres spatial"})
    void otherMergesAreReadAndLearntAsTheyAreAsked(String keys) throws IOException {
        Path directory =
                edited(
                        config ->
                                config.put("image_aspect_ratio", keys.split(" ")[0])
                                        .put("mm_patch_merge_type", keys.split(" ")[1]));
        TrainableModel model = open(directory, Set.of(Part.values()));
        StepOptions options = StepOptions.plain(LONGEST);
        TrainingStep step = new TrainingStep(model, options);
        StepResult result = step.accumulate(mixed(model), LossOptions.mean(FEW), 1, 0);
        try (M3Model asked = asked(directory)) {
            for (Scale scale : FEW) {
                assertThat(result.crossEntropy().get(scale))
                        .as("scale " + scale)
                        .isCloseTo(crossEntropy(asked, mixed(), scale, LONGEST), within(2e-4));
            }
        }
        Map<String, float[]> once = Gathered.gradients(model);
        assertThat(once.containsKey(NEWLINE)).isEqualTo(keys.endsWith("unpad"));
        model.zeroGradients();
        new FivePassStep(model, options).accumulate(mixed(model), FEW);
        Gathered.assertClose(once, Gathered.gradients(model), 1e-5);
        if (keys.endsWith("unpad")) {
            model.zeroGradients();
            slope(model, mixed(), LossOptions.mean(FEW));
        }
    }

    private Path edited(Consumer<ObjectNode> change) throws IOException {
        Path directory = Files.createDirectories(temporary.resolve("edited"));
        try (Stream<Path> files = Files.list(Golden.checkpoint(NEXT_BF16))) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        Path file = directory.resolve("config.json");
        ObjectMapper json = new ObjectMapper();
        ObjectNode config = (ObjectNode) json.readTree(file.toFile());
        config.put("mm_vision_tower", Golden.checkpoint("clip-vision").toAbsolutePath().toString());
        change.accept(config);
        Files.write(file, json.writeValueAsBytes(config));
        return directory;
    }

    // What is published

    @ParameterizedTest
    @ValueSource(strings = {NEXT + " image_newline", NEXT_BF16 + " model.image_newline"})
    void whatWasLearntIsAskedUnderTheNamesOfItsLayout(String names) {
        String checkpoint = names.split(" ")[0];
        TrainableModel model = open(checkpoint);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        LossOptions loss = LossOptions.mean(FEW);
        float[] before = model.parameters().get(NEWLINE).toFloatArray();
        try (AdamW optimizer = new AdamW(model, AdamW.Options.DEFAULT)) {
            step.accumulate(mixed(model), loss, 1, 0);
            optimizer.step(part -> 1e-3);
        }
        float[] learnt = model.parameters().get(NEWLINE).toFloatArray();
        for (int i = 0; i < learnt.length; i++) {
            assertThat(Math.abs(learnt[i] - before[i])).isCloseTo(1e-3f, within(1e-4f));
        }
        Path published = temporary.resolve("published");
        model.save(published, ElementType.FLOAT32);
        try (Checkpoint written = Checkpoint.open(published)) {
            assertThat(written.names()).contains(names.split(" ")[1]);
        }
        StepResult result = step.evaluate(mixed(model), loss);
        try (M3Model asked = asked(published)) {
            for (Scale scale : FEW) {
                assertThat(result.crossEntropy().get(scale))
                        .as("scale " + scale)
                        .isCloseTo(crossEntropy(asked, mixed(), scale, LONGEST), within(2e-4));
            }
        }
    }
}
