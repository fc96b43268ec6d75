package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.StoredTensor;
import java.nio.FloatBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Losses, gradients and parameters after one and three steps, against the authors' code. */
class GoldenTrainingTest {

    private static final JsonNode GOLDEN = Golden.json("golden/train.json");

    private static final List<Scale> SCALES =
            List.of(Scale.of(1), Scale.of(9), Scale.of(36), Scale.of(144), Scale.of(576));

    @ParameterizedTest
    @ValueSource(
            strings = {"A_pair_published", "A_pair_unfrozen", "A_mixed_trainer", "B_pair_unfrozen"})
    void aRunEqualsTheReference(String name) {
        run(name, StepOptions.plain(2048));
    }

    /** Activations that are computed again are the same ones. */
    @Test
    void soDoesARunThatComputesActivationsAgain() {
        StepOptions plain = StepOptions.plain(2048);
        run("A_pair_unfrozen", new StepOptions(plain.pooling(), plain.type(), 1, plain.longest()));
    }

    /**
     * In the third step of run B the tolerance is 4e-6, not 2e-6: one number of the first layer's up_proj
     * has a gradient of 7e-9, noise beside Adam's epsilon of 1e-8. The reference itself is 2.2e-4 away from
     * its float64 run there ({@code err_step1}), and what that number does moves the others by 3e-6.
     *
     * <p>Beside it, a number's tolerance in the third step grows by what the reference's own rounding of
     * its gradient lets Adam move it: rate × error of the gradient / gradient. Where no gradient is small
     * beside its tensor's that is nothing; processors that sum in another order need it for two numbers.
     */
    private static void run(String name, StepOptions options) {
        JsonNode run = GOLDEN.get("runs").get(name);
        JsonNode config = run.get("config");
        Set<Part> learning = EnumSet.allOf(Part.class);
        if (!config.get("unfrozen").asBoolean()) {
            learning.remove(Part.TOWER);
        }
        AdamW.Options numbers = new AdamW.Options(0.9, 0.999, 1e-8, config.path("wd").asDouble(0));
        double limit = config.path("clip").asDouble(Double.POSITIVE_INFINITY);
        SoftAssertions soft = new SoftAssertions();
        try (TrainableModel model =
                        TrainableModel.open(
                                Golden.checkpoint(config.get("ck").asText()),
                                Device.cpu(),
                                learning);
                AdamW optimizer = new AdamW(model, numbers);
                Checkpoint slices = Checkpoint.open(Golden.file("golden/train.safetensors"))) {
            TrainingStep step = new TrainingStep(model, options);
            LossOptions loss = LossOptions.mean(SCALES);
            TrainingBatch batch =
                    GoldenBatch.of(model, GOLDEN.get("batches").get(config.get("bname").asText()));
            for (int i = 0; i < 3; i++) {
                model.zeroGradients();
                StepResult result = step.accumulate(batch, loss, 1, 0);
                soft.assertThat(result.loss())
                        .as("loss before step " + i)
                        .isCloseTo(run.get("loss").get(i).asDouble(), within(1e-4));
                if (i == 0) {
                    run.get("per_scale_loss")
                            .properties()
                            .forEach(
                                    one ->
                                            soft.assertThat(
                                                            result.crossEntropy()
                                                                    .get(scale(one.getKey())))
                                                    .as("loss at " + one.getKey())
                                                    .isCloseTo(
                                                            one.getValue().asDouble(),
                                                            within(1e-4)));
                    gradients(model, name, run, slices, soft);
                }
                double expected = run.get("grad_total_norm").get(i).asDouble();
                soft.assertThat(optimizer.clip(limit))
                        .as("gradient norm of step " + i)
                        .isCloseTo(expected, within(1e-4 * expected));
                double rate = run.get("lr").get(i).asDouble();
                optimizer.step(part -> rate);
                if (i != 1) {
                    double tolerance = name.startsWith("B") && i == 2 ? 4e-6 : 2e-6;
                    String prefix = name + ".step" + (i + 1) + ".";
                    parameters(model, prefix, run, tolerance, i == 0 ? 0 : rate, slices, soft);
                }
            }
            soft.assertThat(step.evaluate(batch, loss).loss())
                    .as("loss after three steps")
                    .isCloseTo(run.get("loss").get(3).asDouble(), within(1e-4));
        }
        soft.assertAll();
    }

    private static void gradients(
            TrainableModel model,
            String name,
            JsonNode run,
            Checkpoint slices,
            SoftAssertions soft) {
        int seen = 0;
        for (String ours : model.parameters().keySet()) {
            String theirs = model.theirs(ours);
            if (model.gradient(ours).isEmpty()) {
                soft.assertThat(run.get("none_grad"))
                        .as(theirs)
                        .anyMatch(n -> n.asText().equals(theirs));
                continue;
            }
            seen++;
            boolean noise = run.get("params").get(theirs).get("noise").asBoolean();
            try (NDArray gradient = model.gradient(ours).orElseThrow()) {
                float[] values = gradient.toFloatArray();
                double expected = run.get("params").get(theirs).get("grad_norm").asDouble();
                if (!noise) {
                    soft.assertThat(norm(values))
                            .as("gradient norm of " + theirs)
                            .isCloseTo(expected, within(1e-4 * expected));
                    compare(
                            picked(values),
                            slices.get(name + ".grad." + theirs),
                            1e-4 * expected,
                            "gradient of " + theirs,
                            soft);
                }
                String full = name + ".fullgrad." + theirs;
                if (slices.names().contains(full)) {
                    compare(values, slices.get(full), 1e-4 * expected, full, soft);
                }
            }
        }
        soft.assertThat(seen).isEqualTo(run.get("params").size() - run.get("none_grad").size());
    }

    private static void parameters(
            TrainableModel model,
            String prefix,
            JsonNode run,
            double tolerance,
            double rate,
            Checkpoint slices,
            SoftAssertions soft) {
        String gradients = prefix.substring(0, prefix.indexOf('.')) + ".grad.";
        model.parameters()
                .forEach(
                        (ours, parameter) -> {
                            String theirs = model.theirs(ours);
                            JsonNode facts = run.get("params").get(theirs);
                            if (facts.has("noise") && !facts.get("noise").asBoolean()) {
                                float[] found = picked(parameter.toFloatArray());
                                FloatBuffer expected =
                                        slices.get(prefix + theirs).data().asFloatBuffer();
                                FloatBuffer gradient =
                                        slices.get(gradients + theirs).data().asFloatBuffer();
                                for (int i = 0; i < found.length; i++) {
                                    double least = rate * moved(facts, gradient.get(i));
                                    soft.assertThat((double) found[i])
                                            .as("%s%s, number %d", prefix, theirs, i)
                                            .isCloseTo(expected.get(i), within(tolerance + least));
                                }
                            }
                        });
    }

    /** How far the reference's own error moves a number in a step of Adam, in learning rates. */
    private static double moved(JsonNode facts, double gradient) {
        double error = facts.get("grad_rel_err").asDouble() * facts.get("grad_norm").asDouble();
        return error == 0 ? 0 : Math.min(error / Math.abs(gradient), 0.01);
    }

    @Test
    void normsAndBiasesDoNotDecay() {
        JsonNode run = GOLDEN.get("runs").get("A_mixed_trainer");
        try (TrainableModel model =
                TrainableModel.open(
                        Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(Part.values()))) {
            for (String ours : model.parameters().keySet()) {
                String theirs = model.theirs(ours);
                boolean spared = false;
                for (JsonNode one : run.get("no_decay")) {
                    spared |= one.asText().equals(theirs);
                }
                assertThat(AdamW.decays(ours)).as(theirs).isNotEqualTo(spared);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"A.single", "A.pair", "A.mixed", "B.single", "B.pair", "B.mixed"})
    void theLossOfABatchEqualsTheReference(String name) {
        JsonNode losses = GOLDEN.get("losses").get(name);
        String checkpoint = name.startsWith("A") ? "llava-m3" : "llava-m3-gqa-sharded";
        try (TrainableModel model =
                TrainableModel.open(Golden.checkpoint(checkpoint), Device.cpu(), Set.of())) {
            TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
            TrainingBatch batch =
                    GoldenBatch.of(model, GOLDEN.get("batches").get(name.substring(2)));
            StepResult result = step.evaluate(batch, LossOptions.mean(SCALES));
            assertThat(result.loss()).isCloseTo(losses.get("m3").asDouble(), within(1e-4));
            losses.get("per_scale")
                    .properties()
                    .forEach(
                            one ->
                                    assertThat(result.crossEntropy().get(scale(one.getKey())))
                                            .isCloseTo(one.getValue().asDouble(), within(1e-4)));
        }
    }

    /** After the pictures are in, rows are cut at the model's length. */
    @ParameterizedTest
    @ValueSource(strings = {"A", "B"})
    void longRowsAreCutAsTheReferenceCutsThem(String tag) {
        JsonNode expected = GOLDEN.get("losses").get(tag + ".pair_truncated_165").get("per_scale");
        String checkpoint = tag.equals("A") ? "llava-m3" : "llava-m3-gqa-sharded";
        try (TrainableModel model =
                TrainableModel.open(Golden.checkpoint(checkpoint), Device.cpu(), Set.of())) {
            TrainingStep step = new TrainingStep(model, StepOptions.plain(165));
            TrainingBatch batch = GoldenBatch.of(model, GOLDEN.get("batches").get("pair"));
            for (Scale scale : SCALES.subList(0, 4)) {
                StepResult result = step.evaluate(batch, LossOptions.mean(List.of(scale)));
                assertThat(result.loss())
                        .isCloseTo(expected.get(scale.toString()).asDouble(), within(1e-4));
            }
            LossOptions finest = LossOptions.mean(List.of(Scale.of(576)));
            assertThat(
                            org.assertj.core.api.Assertions.catchThrowable(
                                    () -> step.evaluate(batch, finest)))
                    .hasMessageContaining("no id is labelled within 165 places");
        }
    }

    private static Scale scale(String tokens) {
        return Scale.of(Integer.parseInt(tokens));
    }

    private static double norm(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }

    /** The golden slice rule. */
    private static float[] picked(float[] flat) {
        int step = Math.max(1, flat.length / 8);
        int strided = Math.min(8, (flat.length + step - 1) / step);
        int first = Math.min(8, flat.length);
        float[] picked = new float[first + strided];
        System.arraycopy(flat, 0, picked, 0, first);
        for (int i = 0; i < strided; i++) {
            picked[first + i] = flat[i * step];
        }
        return picked;
    }

    private static void compare(
            float[] actual,
            StoredTensor expected,
            double tolerance,
            String what,
            SoftAssertions soft) {
        FloatBuffer wanted = expected.data().asFloatBuffer();
        soft.assertThat(actual.length).as(what).isEqualTo(wanted.remaining());
        double worst = 0;
        for (int i = 0; i < Math.min(actual.length, wanted.remaining()); i++) {
            worst = Math.max(worst, Math.abs(actual[i] - wanted.get(i)));
        }
        soft.assertThat(worst).as(what).isLessThanOrEqualTo(tolerance);
    }
}
