package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.llm.generate.GenerationOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Loading from files that lack something, disagree, or keep the tower elsewhere. */
class ModelFilesTest {

    @TempDir Path temporary;

    private int copies;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "lm_head.weight",
                "model.norm.weight",
                "model.layers.3.mlp.down_proj.weight",
                "model.mm_projector.2.weight",
                "model.mm_projector.0.bias",
                "model.vision_tower.vision_tower.vision_model.encoder.layers.1.mlp.fc2.bias",
                "model.vision_tower.vision_tower.vision_model.encoder.layers.0.layer_norm1.bias"
            })
    void aMissingTensorIsNamed(String name) throws IOException {
        Path directory = rewritten(tensor -> tensor.name().equals(name) ? null : tensor);
        refused(directory, LoadOptions.defaults(), "tensor " + name + " is missing");
    }

    /** Tokenizers, templates and terms of use go with a model; notes of whoever made it do not. */
    @Test
    void whatDescribesAModelIsCopiedAndNothingElse() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "described");
        List<String> belongs =
                List.of("merges.txt", "vocab.txt", "LICENSE", "Notice.txt", "chat_template.jinja");
        List<String> notes = List.of("free-text.txt", "requirements.txt", "train-tokenizer.sh");
        for (String name : Stream.concat(belongs.stream(), notes.stream()).toList()) {
            Files.writeString(directory.resolve(name), name);
        }
        Path copy = Files.createDirectories(temporary.resolve("copy"));
        try (ModelFiles files = ModelFiles.open(directory, Optional.empty())) {
            files.copyDescription(copy, ElementType.FLOAT32);
        }
        try (Stream<Path> copied = Files.list(copy)) {
            assertThat(copied.map(file -> file.getFileName().toString()))
                    .contains("config.json")
                    .containsAll(belongs)
                    .doesNotContainAnyElementsOf(notes);
        }
    }

    /** A bias more or less changes every answer, and no shape tells. */
    @Test
    void biasesAreThereIfAndOnlyIfTheConfigurationSaysSo() throws IOException {
        Path promised = TestCheckpoint.link("llava-m3", temporary, "promised");
        TestCheckpoint.edit(promised, c -> c.put("attention_bias", true));
        refused(promised, LoadOptions.defaults(), "self_attn.q_proj.bias is missing");

        String bias = "model.layers.1.self_attn.o_proj.bias";
        // In the place of a tensor that nothing needs.
        String spare = "model.vision_tower.vision_tower.vision_model.post_layernorm.bias";
        Path unsaid = rewritten(t -> t.name().equals(spare) ? zeros(bias, 96) : t);
        refused(unsaid, LoadOptions.defaults(), bias, "expected no bias", "attention_bias");
    }

    /** transformers ties the head after loading, whatever the file holds. */
    @Test
    void aTiedHeadIsTheEmbeddingTableEvenBesideAHeadOfItsOwn() throws IOException {
        Path tied = rewritten(t -> t);
        TestCheckpoint.edit(tied, c -> c.put("tie_word_embeddings", true));
        Path without = rewritten(t -> t.name().equals("lm_head.weight") ? null : t);
        TestCheckpoint.edit(without, c -> c.put("tie_word_embeddings", true));
        assertThat(textIds(tied))
                .isEqualTo(textIds(without))
                .isNotEqualTo(textIds(rewritten(t -> t)));
    }

    private static List<Long> textIds(Path directory) {
        GenerationOptions few = GenerationOptions.builder().maxNewTokens(6).build();
        try (M3Model model = M3Model.load(directory)) {
            return model.generateIds(List.of(), new long[] {1, 462, 404}, few);
        }
    }

    @Test
    void aCacheThatNoMemoryHoldsIsRefusedWithTheNumbers() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "long");
        TestCheckpoint.edit(directory, c -> c.put("max_position_embeddings", 2_000_000_000));
        GenerationOptions many = GenerationOptions.builder().maxNewTokens(1_900_000_000).build();
        try (M3Model model = M3Model.load(directory)) {
            int before = model.managedArrays();
            assertThatThrownBy(() -> model.generateIds(List.of(), new long[] {1}, many))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("1900000001 positions")
                    .hasMessageContaining("fewer new tokens");
            assertThat(model.managedArrays()).isEqualTo(before);
        }
    }

    @Test
    void aTensorOfAnotherShapeIsNamedWithBothShapes() throws IOException {
        String name = "model.layers.1.self_attn.q_proj.weight";
        Path directory = rewritten(t -> t.name().equals(name) ? zeros(name, 96, 95) : t);
        refused(directory, LoadOptions.defaults(), name, "(96, 96)", "(96, 95)");
    }

    @Test
    void aTensorThatIsNotFloatingPointIsRefused() throws IOException {
        String name = "model.norm.weight";
        StoredTensor integers =
                new StoredTensor(
                        name, ElementType.INT64, new Shape(96), ByteBuffer.allocate(96 * 8));
        Path directory = rewritten(t -> t.name().equals(name) ? integers : t);
        refused(directory, LoadOptions.defaults(), name, "floating-point", "I64");
    }

    @Test
    void aConfigurationOfAnotherModelIsRefused() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "other");
        TestCheckpoint.edit(directory, c -> c.put("intermediate_size", 255));
        refused(directory, LoadOptions.defaults(), "gate_proj", "(255, 96)", "(256, 96)");
        TestCheckpoint.edit(directory, c -> c.put("intermediate_size", 256));
        TestCheckpoint.edit(directory, c -> c.put("num_hidden_layers", Integer.MAX_VALUE));
        refused(directory, LoadOptions.defaults(), "layers.4", "missing");
    }

    @Test
    void aTowerThatIsNotThereIsLookedForAndTheMessageSaysWhere() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3-bin-sharded", temporary, "a/model");
        TestCheckpoint.edit(directory, c -> c.put("mm_vision_tower", "openai/no-such-tower"));
        refused(
                directory,
                LoadOptions.defaults(),
                "vision tower openai/no-such-tower was not found",
                directory.resolve("openai/no-such-tower").toString(),
                directory.resolveSibling("no-such-tower").toString());
        TestCheckpoint.edit(directory, c -> c.remove("mm_vision_tower"));
        refused(directory, LoadOptions.defaults(), "vision tower (unnamed) was not found");
    }

    @Test
    void aTowerInsideWhoseSizesAreUnknownIsNotCalledMissing() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "a/model");
        TestCheckpoint.edit(
                directory,
                c -> {
                    c.remove("vision_config");
                    c.put("mm_vision_tower", "openai/no-such-tower");
                });
        refused(
                directory,
                LoadOptions.defaults(),
                "the weights of its vision tower are inside, but not its sizes",
                "vision_config",
                directory.resolveSibling("no-such-tower").toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "", ".", "..", "\u0000", "a\u0000b", "//", "../../../../.."})
    void aTowerNameThatLeadsNowhereIsRefused(String name) throws IOException {
        Path directory = TestCheckpoint.link("llava-m3-bin-sharded", temporary, "model");
        TestCheckpoint.edit(directory, c -> c.put("mm_vision_tower", name));
        assertThatThrownBy(() -> M3Model.load(directory)).isInstanceOf(M3Exception.class);
    }

    @Test
    void aTowerBesideTheCheckpointIsFound() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3-bin-sharded", temporary, "b/model");
        TestCheckpoint.link("clip-full-bin", temporary, "b/clip-full-bin");
        TestCheckpoint.edit(directory, c -> c.put("mm_vision_tower", "openai/clip-full-bin"));
        M3Model.load(directory).close();
        TestCheckpoint.edit(directory, c -> c.put("mm_vision_tower", "../clip-full-bin"));
        M3Model.load(directory).close();
    }

    @Test
    void aChosenTowerIsTaken() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3-bin-sharded", temporary, "model");
        TestCheckpoint.edit(directory, c -> c.put("mm_vision_tower", "nowhere"));
        LoadOptions chosen =
                LoadOptions.builder().visionTower(Golden.checkpoint("clip-vision")).build();
        M3Model.load(directory, chosen).close();
        LoadOptions empty = LoadOptions.builder().visionTower(temporary).build();
        refused(directory, empty, temporary.toString(), "expected a directory with config.json");
    }

    @Test
    void anImageSizeThatDisagreesWithTheTowerIsRefused() throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "model");
        Files.writeString(
                directory.resolve("preprocessor_config.json"),
                "{\"size\": {\"shortest_edge\": 224}, \"crop_size\": {\"height\": 224, \"width\":"
                        + " 224}}");
        refused(directory, LoadOptions.defaults(), "preprocessor_config.json", "336", "224");
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void progressRunsToItsEnd(Precision precision) {
        int[] last = new int[2];
        LoadOptions options =
                LoadOptions.builder()
                        .precision(precision)
                        .progress(
                                (done, total) -> {
                                    assertThat(done).isBetween(last[0], total);
                                    last[0] = done;
                                    last[1] = total;
                                })
                        .build();
        M3Model.load(Golden.checkpoint("llava-m3"), options).close();
        assertThat(last[0]).isPositive().isEqualTo(last[1]);
    }

    /** The last tensor that loading asks for is missing, so that all others were loaded. */
    @Test
    void aFailedLoadFreesWhatItHadLoaded() throws IOException {
        Path directory = rewritten(t -> t.name().equals("lm_head.weight") ? null : t);
        LoadOptions options = LoadOptions.builder().precision(Precision.BFLOAT16).build();
        for (int i = 0; i < 15; i++) {
            refused(directory, options, "lm_head");
        }
        // 1.5 MB of weights each: 60 loads that kept theirs would gain 90 MB.
        ResidentMemory.assertFlat(45L << 20, () -> refused(directory, options, "lm_head"), 60);
    }

    private Path rewritten(UnaryOperator<StoredTensor> change) throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", temporary, "copy" + copies++);
        Files.delete(directory.resolve("model.safetensors"));
        SafetensorsWriter writer = new SafetensorsWriter();
        try (Checkpoint golden = Checkpoint.open(Golden.checkpoint("llava-m3"))) {
            for (String name : golden.names()) {
                StoredTensor changed = change.apply(golden.get(name));
                if (changed != null) {
                    writer.add(changed);
                }
            }
            writer.writeFile(directory.resolve("model.safetensors"));
        }
        return directory;
    }

    private static StoredTensor zeros(String name, long... shape) {
        long bytes = new TensorInfo(name, ElementType.FLOAT32, new Shape(shape)).byteCount();
        return new StoredTensor(
                name, ElementType.FLOAT32, new Shape(shape), ByteBuffer.allocate((int) bytes));
    }

    private static void refused(Path directory, LoadOptions options, String... parts) {
        assertThatThrownBy(() -> M3Model.load(directory, options).close())
                .isInstanceOf(M3Exception.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }
}
