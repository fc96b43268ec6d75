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
import io.m3j.core.torch.FloatType;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoraTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final LossOptions LOSS = LossOptions.mean(List.of(Scale.of(1), Scale.of(9)));
    private static final LoraOptions QUERIES =
            new LoraOptions(
                    List.of("model\\.layers\\.\\d+\\.(self_attn\\.q_proj|mlp\\.down_proj)"),
                    true,
                    4,
                    8);
    private static final LoraOptions LAYERS =
            new LoraOptions(List.of(LoraOptions.DECODER_LAYERS), true, 4, 8);
    private static final String QUERY = "decoder.layers.0.self_attn.q_proj.weight";

    @TempDir private Path directory;

    private static TrainableModel model(Part... learning) {
        return TrainableModel.open(Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(learning));
    }

    private static TrainingBatch batch(TrainableModel model) {
        JsonNode batches = Golden.json("golden/train.json").get("batches");
        return GoldenBatch.of(model, batches.get("pair"));
    }

    private static double loss(TrainableModel model) {
        return new TrainingStep(model, StepOptions.plain(2048)).evaluate(batch(model), LOSS).loss();
    }

    private static void learn(TrainableModel model, int steps) {
        TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
        TrainingBatch batch = batch(model);
        try (AdamW optimizer = new AdamW(model, AdamW.Options.DEFAULT)) {
            for (int i = 0; i < steps; i++) {
                model.zeroGradients();
                step.accumulate(batch, LOSS, 1, 0);
                optimizer.step(part -> 0.01);
            }
        }
    }

    @Test
    void freshAdaptersChangeNothing() {
        try (TrainableModel model = model(Part.DECODER)) {
            double before = loss(model);
            Lora lora = Lora.attach(model, LAYERS, 1);
            assertThat(lora.weights()).hasSize(7 * model.config().decoder().layers());
            assertThat(loss(model)).isEqualTo(before);
        }
    }

    /** The names of the layers are the checkpoint's own. */
    @ParameterizedTest
    @ValueSource(strings = {"llava-m3", "llava-hf", "llava-next-hf"})
    void theDecodersLayersAreFoundInEveryLayout(String checkpoint) {
        try (TrainableModel model =
                TrainableModel.open(
                        Golden.checkpoint(checkpoint), Device.cpu(), Set.of(Part.DECODER))) {
            assertThat(Lora.attach(model, LAYERS, 1).weights())
                    .hasSize(7 * model.config().decoder().layers())
                    .allMatch(name -> Part.of(name) == Part.DECODER);
        }
        assertThat(LAYERS.matches("model.language_model.layers.3.mlp.up_proj")).isTrue();
        assertThat(LAYERS.matches("model.vision_tower.encoder.layers.3.self_attn.q_proj"))
                .isFalse();
    }

    @Test
    void adaptersLearnAndNothingElse() {
        try (TrainableModel model = model(Part.DECODER)) {
            double before = loss(model);
            float[] query = model.parameter(QUERY).toFloatArray();
            float[] table = model.parameter("decoder.embed_tokens.weight").toFloatArray();
            Lora.attach(model, LAYERS, 1);
            learn(model, 3);
            assertThat(loss(model)).isLessThan(before - 0.1);
            assertThat(model.parameter(QUERY).toFloatArray()).isEqualTo(query);
            assertThat(model.parameter("decoder.embed_tokens.weight").toFloatArray())
                    .isEqualTo(table);
        }
    }

    /** Gradients of 7 billion weights are as large as they are: none is made, not even before the adapters are. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void theWeightsBelowThemNeverHaveAGradient(int layersAgain) {
        try (TrainableModel model = model(Part.DECODER, Part.PROJECTOR)) {
            assertThat(model.parameters().keySet())
                    .allMatch(name -> model.gradient(name).isEmpty());
            Lora.attach(model, LAYERS, 1);
            StepOptions options =
                    new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, layersAgain, 2048);
            new TrainingStep(model, options).accumulate(batch(model), LOSS, 1, 0);
            assertThat(Gathered.gradients(model).keySet())
                    .allMatch(name -> Lora.isAdapter(name) || Part.of(name) == Part.PROJECTOR)
                    .hasSize(2 * 7 * model.config().decoder().layers() + 4);
        }
    }

    /** The chain rule by hand: dL/dB = s · dL/dW · Aᵀ and dL/dA = s · Bᵀ · dL/dW. */
    @Test
    void theirGradientsAreThoseOfTheWeightThatTheyStandFor() {
        try (TrainableModel plain = model(Part.DECODER);
                TrainableModel adapted = model(Part.DECODER)) {
            LoraOptions options =
                    new LoraOptions(List.of("model.layers.0.self_attn.q_proj"), false, 4, 8);
            Lora.attach(adapted, options, 1);
            String up = "decoder.layers.0.self_attn.q_proj.lora_B.weight";
            String down = "decoder.layers.0.self_attn.q_proj.lora_A.weight";
            step(plain);
            step(adapted);
            try (NDArray whole = plain.gradient(QUERY).orElseThrow();
                    NDArray gradient = adapted.gradient(up).orElseThrow()) {
                NDArray expected = whole.dot(adapted.parameter(down).transpose()).mul(2);
                float[] wanted = expected.toFloatArray();
                float[] found = gradient.toFloatArray();
                for (int i = 0; i < wanted.length; i++) {
                    assertThat(found[i]).isCloseTo(wanted[i], within(1e-5f));
                }
                assertThat(expected.norm().getFloat()).isPositive();
            }
        }
    }

    private static void step(TrainableModel model) {
        model.zeroGradients();
        new TrainingStep(model, StepOptions.plain(2048)).accumulate(batch(model), LOSS, 1, 0);
    }

    @Test
    void mergedAdaptersComputeTheSameAndComeOutAgain() {
        try (TrainableModel model = model(Part.DECODER)) {
            float[] before = model.parameter(QUERY).toFloatArray();
            Lora lora = Lora.attach(model, QUERIES, 1);
            learn(model, 2);
            double adapted = loss(model);
            lora.merge();
            assertThat(loss(model)).isCloseTo(adapted, within(1e-5));
            assertThat(model.parameter(QUERY).toFloatArray()).isNotEqualTo(before);
            assertThatThrownBy(lora::merge).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> step(model))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("merged into theirs; call unmerge first");
            lora.unmerge();
            float[] after = model.parameter(QUERY).toFloatArray();
            for (int i = 0; i < before.length; i++) {
                assertThat(after[i]).isCloseTo(before[i], within(1e-6f));
            }
            assertThat(loss(model)).isCloseTo(adapted, within(1e-5));
            step(model);
        }
    }

    /** Tower, projector, decoder and head: what runs beside each weight is what would be added to it. */
    @Test
    void adaptersOnEveryLinearLayerComputeWhatTheirSumsDo() {
        List<String> all =
                List.of(
                        "q_proj",
                        "k_proj",
                        "v_proj",
                        "out_proj",
                        "fc1",
                        "fc2",
                        "mm_projector.0",
                        "mm_projector.2",
                        "o_proj",
                        "gate_proj",
                        "up_proj",
                        "down_proj",
                        "lm_head");
        try (TrainableModel model = model(Part.values())) {
            double before = loss(model);
            Lora lora = Lora.attach(model, new LoraOptions(all, false, 3, 6), 1);
            int tower = model.vision().layersUpTo(model.config().visionHiddenState());
            int decoder = model.config().decoder().layers();
            assertThat(lora.weights()).hasSize(6 * tower + 2 + 7 * decoder + 1);
            learn(model, 3);
            for (String weight : lora.weights()) {
                String up = weight.replace(".weight", ".lora_B.weight");
                assertThat(model.parameter(up).abs().sum().getFloat()).as(up).isPositive();
            }
            double adapted = loss(model);
            assertThat(adapted).isLessThan(before - 0.1);
            lora.merge();
            assertThat(loss(model)).isCloseTo(adapted, within(1e-4));
        }
    }

    @Test
    void theFilesAreThoseOfPeftAndAreReadAgain() throws IOException {
        Path adapter = directory.resolve("adapter");
        double learnt;
        LoraOptions options =
                new LoraOptions(QUERIES.targets(), true, QUERIES.rank(), QUERIES.alpha(), 0.05);
        try (TrainableModel model = model(Part.DECODER, Part.PROJECTOR)) {
            Lora lora = Lora.attach(model, options, 1);
            learn(model, 2);
            learnt = loss(model);
            lora.save(adapter);
        }
        JsonNode config = JSON.readTree(adapter.resolve("adapter_config.json").toFile());
        assertThat(config.get("peft_type").asText()).isEqualTo("LORA");
        assertThat(config.get("r").isInt()).isTrue();
        assertThat(config.get("lora_alpha").isInt()).isTrue();
        assertThat(config.get("lora_dropout").asDouble()).isEqualTo(0.05);
        assertThat(PeftFiles.options(adapter)).isEqualTo(options);
        assertThat(config.get("target_modules").asText()).isEqualTo(QUERIES.targets().get(0));
        assertThat(config.get("modules_to_save").get(0).asText()).isEqualTo("mm_projector");
        try (Checkpoint file = Checkpoint.open(adapter.resolve("adapter_model.safetensors"))) {
            String module = "base_model.model.model.layers.1.mlp.down_proj.";
            assertThat(file.names())
                    .contains(module + "lora_A.weight", module + "lora_B.weight")
                    .contains("base_model.model.model.mm_projector.0.weight")
                    .hasSize(4 * 2 * 2 + 4);
            assertThat(file.info(module + "lora_A.weight").shape().get(0)).isEqualTo(4);
            assertThat(file.info(module + "lora_B.weight").shape().get(1)).isEqualTo(4);
        }
        try (TrainableModel model = model(Part.DECODER, Part.PROJECTOR)) {
            Lora.load(model, adapter);
            assertThat(loss(model)).isEqualTo(learnt);
        }
    }

    @Test
    void aSavedModelHasTheAdaptersMerged() {
        Path merged = directory.resolve("merged");
        double learnt;
        try (TrainableModel model = model(Part.DECODER)) {
            Lora.attach(model, QUERIES, 1);
            learn(model, 2);
            learnt = loss(model);
            model.save(merged, ElementType.FLOAT32);
        }
        try (TrainableModel model =
                TrainableModel.open(merged, Device.cpu(), Set.of(Part.DECODER))) {
            assertThat(model.parameters().keySet()).noneMatch(name -> name.contains("lora"));
            assertThat(loss(model)).isCloseTo(learnt, within(1e-5));
        }
    }

    @Test
    void targetsThatMatchNothingOrAreFrozenAreRefused() {
        try (TrainableModel model = model(Part.PROJECTOR)) {
            assertThatThrownBy(
                            () ->
                                    Lora.attach(
                                            model,
                                            new LoraOptions(List.of("query"), false, 4, 8),
                                            1))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("[query]")
                    .hasMessageContaining("such as");
            LoraOptions mistyped = new LoraOptions(List.of("q_proj", "vproj"), false, 4, 8);
            assertThatThrownBy(() -> Lora.attach(model, mistyped, 1))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("[vproj]: expected names of linear layers");
            assertThatThrownBy(() -> Lora.attach(model, LAYERS, 1))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("model.layers.0.self_attn.q_proj is of the decoder")
                    .hasMessageContaining("frozen");
        }
    }

    @Test
    void adaptersOfAnotherKindOrModelAreRefused() throws IOException {
        Path adapter = directory.resolve("adapter");
        try (TrainableModel model = model(Part.DECODER)) {
            Lora.attach(model, QUERIES, 1).save(adapter);
        }
        Path file = adapter.resolve("adapter_config.json");
        ObjectNode config = (ObjectNode) JSON.readTree(file.toFile());
        refuses(adapter, config.deepCopy().put("use_dora", true), "use_dora: expected false");
        refuses(adapter, config.deepCopy().put("peft_type", "IA3"), "peft_type: expected LORA");
        refuses(adapter, config.deepCopy().put("r", 3), "expected shape (3, 96)");
        ObjectNode pattern = config.deepCopy();
        pattern.putObject("rank_pattern").put("q_proj", 8);
        refuses(adapter, pattern, "rank_pattern");
    }

    private static void refuses(Path adapter, ObjectNode config, String message)
            throws IOException {
        Files.writeString(adapter.resolve("adapter_config.json"), config.toString());
        try (TrainableModel model = model(Part.DECODER)) {
            assertThatThrownBy(() -> Lora.load(model, adapter))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void frozenWeightsAreNeitherSteppedNorDecayed() {
        try (TrainableModel model = model(Part.DECODER)) {
            TrainingStep step = new TrainingStep(model, StepOptions.plain(2048));
            step.accumulate(batch(model), LOSS, 1, 0); // leaves gradients in what is frozen next
            Lora.attach(model, QUERIES, 1);
            float[] before = model.parameters().get(QUERY).toFloatArray();
            AdamW.Options decaying = new AdamW.Options(0.9, 0.999, 1e-8, 0.1);
            try (AdamW optimizer = new AdamW(model, decaying)) {
                model.zeroGradients();
                step.accumulate(batch(model), LOSS, 1, 0);
                optimizer.clip(1);
                optimizer.step(part -> 1e-2);
                assertThat(optimizer.moments().keySet()).isNotEmpty().allMatch(Lora::isAdapter);
            }
            assertThat(model.parameters().get(QUERY).toFloatArray()).isEqualTo(before);
        }
    }

    /** The embeddings do not learn, so that nothing lies before the first layer. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void adaptersLearnFromTextAlone(int layersAgain) {
        try (TrainableModel model = model(Part.DECODER)) {
            Lora.attach(model, QUERIES, 1);
            TrainingBatch mixed =
                    GoldenBatch.of(
                            model, Golden.json("golden/train.json").get("batches").get("mixed"));
            TrainingBatch text = new TrainingBatch(List.of(mixed.examples().get(1)), List.of());
            StepOptions options =
                    new StepOptions(Pooling.AVERAGE, FloatType.FLOAT32, layersAgain, 2048);
            new TrainingStep(model, options).accumulate(text, LOSS, 1, 0);
            boolean moved = false;
            for (String name : model.parameters().keySet()) {
                if (Lora.isAdapter(name)) {
                    try (NDArray gradient = model.gradient(name).orElseThrow()) {
                        moved |= gradient.abs().sum().getFloat() > 0;
                    }
                }
            }
            assertThat(moved).isTrue();
        }
    }
}
