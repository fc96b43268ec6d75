package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.llm.M3Model;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What such batches teach which models, and what becomes of it. */
class RaggedModelTest extends RaggedTestBase {

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

    /** A newline is no module, which is all that modules_to_save can name, but it is kept and read again. */
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
        // The name that it has in PEFT's wrapped model, whose load_state_dict takes it from there.
        try (Checkpoint file = Checkpoint.open(adapter.resolve("adapter_model.safetensors"))) {
            assertThat(file.names()).contains("base_model.model." + NEWLINE);
        }
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
