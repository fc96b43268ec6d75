package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.FloatType;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Dropout of adapters in a step; what a mask is, {@code DropoutMaskTest} says. */
class LoraDropoutTest {

    private static final LossOptions LOSS = LossOptions.mean(List.of(Scale.of(1), Scale.of(9)));
    private static final long SEED = 3;

    private static final String EVERYWHERE = ".*(_proj|fc1|fc2|mm_projector\\.\\d|lm_head)";
    private static final String EYES =
            ".*(vision_tower.*(_proj|fc1|fc2)|mm_projector\\.\\d)"; // tower and projector

    private static TrainableModel adapted(double dropout) {
        return adapted(EVERYWHERE, dropout);
    }

    /** Adapters that do something: B is not zero. */
    private static TrainableModel adapted(String targets, double dropout) {
        Set<Part> learning =
                targets.equals(EYES) ? Set.of(Part.TOWER, Part.PROJECTOR) : Set.of(Part.values());
        TrainableModel model =
                TrainableModel.open(Golden.checkpoint("llava-m3"), Device.cpu(), learning);
        Lora.attach(model, new LoraOptions(List.of(targets), true, 3, 6, dropout), 1);
        Random random = new Random(7);
        model.parameters()
                .forEach(
                        (name, array) -> {
                            if (name.contains("lora_B")) {
                                float[] values = new float[(int) array.getShape().size()];
                                for (int i = 0; i < values.length; i++) {
                                    values[i] = (float) (0.05 * random.nextGaussian());
                                }
                                model.assign(name, FloatBuffer.wrap(values));
                            }
                        });
        return model;
    }

    private static TrainingBatch batch(TrainableModel model, String name) {
        JsonNode batches = Golden.json("golden/train.json").get("batches");
        return GoldenBatch.of(model, batches.get(name));
    }

    private static StepOptions options(int layersAgain, int tilesAtOnce) {
        return new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, layersAgain, 2048)
                .withTilesAtOnce(tilesAtOnce);
    }

    private static double step(TrainableModel model, StepOptions options, long seed) {
        model.zeroGradients();
        return new TrainingStep(model, options)
                .accumulate(batch(model, "pair"), LOSS, 1, seed)
                .loss();
    }

    @Test
    void activationsThatAreComputedAgainMeetTheSameMasks() {
        try (TrainableModel model = adapted(0.3)) {
            double loss = step(model, options(0, 0), SEED);
            Map<String, float[]> kept = Gathered.gradients(model);
            for (int layers : new int[] {1, 3}) {
                assertThat(step(model, options(layers, 0), SEED)).isCloseTo(loss, within(1e-6));
                Gathered.assertClose(kept, Gathered.gradients(model), 1e-5);
            }
        }
    }

    /** Along the gradient the loss of the same masks rises by the gradient's square, however it was computed. */
    @ParameterizedTest
    @CsvSource({
        "false, 0, 0",
        "false, 1, 0",
        "true, 0, 0",
        "true, 1, 0",
        "true, 0, 1",
        "true, 1, 1"
    })
    void theGradientIsTheSlopeOfTheLossWithTheSameMasks(
            boolean eyes, int layersAgain, int tilesAtOnce) {
        try (TrainableModel model = adapted(eyes ? EYES : EVERYWHERE, 0.3)) {
            StepOptions options = options(layersAgain, tilesAtOnce);
            step(model, options, SEED);
            Map<String, float[]> gradient = Gathered.gradients(model);
            double square = 0;
            for (float[] values : gradient.values()) {
                for (float value : values) {
                    square += (double) value * value;
                }
            }
            double way = 0.005 / square; // the loss changes by 0.005 to either side
            move(model, gradient, way);
            double above = step(model, options, SEED);
            move(model, gradient, -2 * way);
            double below = step(model, options, SEED);
            assertThat((above - below) / (2 * way * square)).isCloseTo(1, within(0.01));
        }
    }

    private static void move(TrainableModel model, Map<String, float[]> direction, double way) {
        direction.forEach(
                (name, values) -> {
                    float[] numbers = model.parameter(name).toFloatArray();
                    for (int i = 0; i < numbers.length; i++) {
                        numbers[i] += (float) (way * values[i]);
                    }
                    model.assign(name, FloatBuffer.wrap(numbers));
                });
    }

    @Test
    void nothingIsDroppedWhereNothingIsLearnt() {
        try (TrainableModel dropping = adapted(0.3);
                TrainableModel plain = adapted(0)) {
            double expected = evaluated(plain);
            assertThat(evaluated(dropping)).isEqualTo(expected);
            assertThat(
                            new FivePassStep(dropping, options(0, 0))
                                    .accumulate(pair(dropping), scales()))
                    .isCloseTo(expected, within(1e-5));
            assertThat(step(plain, options(0, 0), SEED)).isEqualTo(expected);
            assertThat(step(dropping, options(0, 0), SEED)).isNotCloseTo(expected, within(1e-3));
        }
    }

    private static TrainingBatch pair(TrainableModel model) {
        return batch(model, "pair");
    }

    private static List<Scale> scales() {
        return List.copyOf(LOSS.scales());
    }

    private static double evaluated(TrainableModel model) {
        return new TrainingStep(model, options(0, 0)).evaluate(pair(model), LOSS).loss();
    }

    /** Text without a picture is the same at all scales, so that nothing but the masks can differ. */
    @Test
    void eachSeedAndEachScaleHasItsMasks() {
        try (TrainableModel dropping = adapted(0.3);
                TrainableModel plain = adapted(0)) {
            double expected = ofText(plain, 1, SEED);
            assertThat(ofText(plain, 9, SEED + 1)).isEqualTo(expected);
            double once = ofText(dropping, 1, SEED);
            assertThat(ofText(dropping, 1, SEED)).isEqualTo(once);
            assertThat(ofText(dropping, 9, SEED)).isNotEqualTo(once);
            assertThat(ofText(dropping, 1, SEED + 1)).isNotEqualTo(once);
        }
    }

    private static double ofText(TrainableModel model, int scale, long seed) {
        TrainingBatch mixed = batch(model, "mixed");
        TrainingBatch text = new TrainingBatch(List.of(mixed.examples().get(1)), List.of());
        LossOptions loss = LossOptions.mean(List.of(Scale.of(scale)));
        return new TrainingStep(model, options(0, 0)).accumulate(text, loss, 1, seed).loss();
    }

    /** Queries, keys and values read the same; what is dropped of it is not. */
    @Test
    void eachAdapterHasItsMask() {
        try (TrainableModel model = adapted(0.3);
                NDManager scope = model.kernels().newManager()) {
            int layers = model.config().decoder().layers();
            Network network = new Network(model, FloatType.FLOAT32, 0);
            assertThat(masks(network.reading("scale 9").decoderLayers(scope, 0, layers))).isEmpty();
            Network dropping = network.dropping(SEED);
            List<long[]> all = masks(dropping.reading("scale 9").decoderLayers(scope, 0, layers));
            assertThat(all.stream().map(mask -> mask[0]).distinct()).hasSize(7 * layers);
            assertThat(all).allMatch(mask -> mask[1] == Math.round(0.7 * 65536));
        }
    }

    private static List<long[]> masks(List<NDArray> weights) {
        return weights.stream()
                .filter(array -> array.getDataType() == DataType.INT64)
                .map(NDArray::toLongArray)
                .toList();
    }
}
