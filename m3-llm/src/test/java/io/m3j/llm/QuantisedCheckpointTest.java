package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.nn.StoredLevels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.NameMap;
import io.m3j.vision.EncodedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What was quantised and written computes what is quantised when a model is opened. */
class QuantisedCheckpointTest {

    private static final long[] PROMPT = {1, 462, 404, 393, 15, 268, -200, 474, 31, 229, 386, 282};

    @TempDir private Path directory;

    /** Both layouts, float32, float16 and bfloat16, one file or shards, the tower inside or beside. */
    @ParameterizedTest
    @CsvSource({
        "llava-m3, INT8",
        "llava-m3, INT4",
        "llava-m3-gqa-sharded, INT4",
        "llava-m3-bin-sharded, INT8",
        "llava-m3-bin-sharded, INT4",
        "llava-hf, INT4"
    })
    void logitsEqualThoseOfTheSourceInThatPrecisionBitForBit(String name, Precision precision) {
        Path source = Golden.checkpoint(name);
        float[] expected = logits(source, Optional.of(precision));
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(source, precision, out, LoadOptions.defaults());
        assertThat(logits(out, Optional.of(precision))).containsExactly(expected);
        assertThat(logits(out, Optional.empty())).containsExactly(expected);
        try (Checkpoint before = Checkpoint.open(source);
                Checkpoint after = Checkpoint.open(out)) {
            NameMap names = NameMap.detect(after.names());
            assertThat(names.layout()).isEqualTo(NameMap.detect(before.names()).layout());
            assertThat(names.unknown()).isEmpty();
        }
    }

    private static float[] logits(Path checkpoint, Optional<Precision> precision) {
        LoadOptions.Builder options = LoadOptions.builder();
        precision.ifPresent(options::precision);
        try (M3Model model = M3Model.load(checkpoint, options.build());
                EncodedImage image = model.encode(M3ModelTest.picture());
                NDArray logits = model.logits(image, prompt(model), Scale.of(36))) {
            return logits.toFloatArray();
        }
    }

    private static long[] prompt(M3Model model) {
        long[] ids = PROMPT.clone();
        ids[6] = model.config().imageToken();
        return ids;
    }

    /** The embeddings stay numbers, and the head that is tied to them gets levels of its own. */
    @ParameterizedTest
    @CsvSource({"INT8", "INT4"})
    void aTiedHeadIsQuantisedFromTheEmbeddings(Precision precision) throws IOException {
        Path tied = TestCheckpoint.link("llava-m3", directory, "tied");
        TestCheckpoint.edit(tied, config -> config.put("tie_word_embeddings", true));
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(tied, precision, out, LoadOptions.defaults());
        assertThat(logits(out, Optional.empty()))
                .containsExactly(logits(tied, Optional.of(precision)))
                .isNotEqualTo(logits(Golden.checkpoint("llava-m3"), Optional.of(precision)));
    }

    @ParameterizedTest
    @CsvSource({"INT8, FLOAT32", "INT8, BFLOAT16", "INT4, FLOAT32", "INT4, BFLOAT16"})
    void levelsAreBroughtBackForOtherPrecisions(Precision stored, Precision asked) {
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(
                Golden.checkpoint("llava-m3"), stored, out, LoadOptions.defaults());
        float[] exact = logits(Golden.checkpoint("llava-m3"), Optional.of(Precision.FLOAT32));
        float[] found = logits(out, Optional.of(asked));
        double bound = stored == Precision.INT8 ? 0.05 : 0.5;
        assertThat(LogitError.relative(found, exact)).isPositive().isLessThan(bound);
    }

    @Test
    void aVocabularyThatInt4CannotHoldIsInt8AndAllElseInt4() {
        Path source = OddCheckpoint.write(directory.resolve("odd"), 503, 64, 96);
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(source, Precision.INT4, out, LoadOptions.defaults());
        try (Checkpoint checkpoint = Checkpoint.open(out)) {
            assertThat(checkpoint.info("lm_head.weight").type()).isEqualTo(ElementType.INT8);
            assertThat(checkpoint.info("model.layers.0.mlp.up_proj.weight").type())
                    .isEqualTo(ElementType.UINT8);
            assertThat(checkpoint.info("model.embed_tokens.weight").type())
                    .isEqualTo(ElementType.BFLOAT16);
        }
        assertThat(logits(out, Optional.empty()))
                .containsExactly(logits(source, Optional.of(Precision.INT4)));
    }

    @Test
    void aSmallerFileHoldsNothingOfTheTextTowerAndAllFilesOfTheTokenizer() throws IOException {
        Path source = Golden.checkpoint("llava-m3-bin-sharded");
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(source, Precision.INT8, out, LoadOptions.defaults());
        ModelInfo info = ModelInfo.read(out);
        ModelInfo before = ModelInfo.read(source);
        assertThat(info.tower().inside()).isTrue();
        assertThat(info.parameters()).isEqualTo(before.parameters());
        assertThat(info.config().quantization()).contains(new Quantization(Precision.INT8));
        assertThat(info.storedTypes()).containsOnlyKeys(ElementType.INT8, ElementType.BFLOAT16);
        try (Stream<Path> files = Files.list(out)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .contains("config.json", "model.safetensors")
                    .noneMatch(name -> name.startsWith(".") || name.endsWith(".bin"));
        }
    }

    @Test
    void whatCannotBeQuantisedIsRefusedAndLeavesNothing() throws IOException {
        Path source = Golden.checkpoint("llava-m3");
        Path out = directory.resolve("out");
        assertRefused(source, Precision.BFLOAT16, out, "expected int8 or int4");
        QuantisedCheckpoint.write(source, Precision.INT8, out, LoadOptions.defaults());
        Path again = directory.resolve("again");
        assertRefused(out, Precision.INT4, again, "found int8 levels");
        assertRefused(source, Precision.INT4, out, "nothing there or an empty directory");
        assertThatThrownBy(() -> logits(out, Optional.of(Precision.INT4)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("expected weights or int4 levels, found int8 levels");
        Path broken = TestCheckpoint.link("llava-m3", directory, "broken");
        TestCheckpoint.edit(broken, config -> config.put("vocab_size", 503));
        assertRefused(broken, Precision.INT4, again, "lm_head.weight");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("out", "broken");
        }
    }

    private static void assertRefused(Path source, Precision precision, Path out, String message) {
        assertThatThrownBy(
                        () ->
                                QuantisedCheckpoint.write(
                                        source, precision, out, LoadOptions.defaults()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(message);
    }

    @Test
    void anotherToolsAnotherVersionsAndAnotherGroupsWeightsAreRefused() throws IOException {
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(
                Golden.checkpoint("llava-m3"), Precision.INT4, out, LoadOptions.defaults());
        for (String[] change :
                new String[][] {
                    {"quant_method", "bitsandbytes", "quantised by another tool"},
                    {"version", "2", "version: expected 1"},
                    {"group_size", "7", "group_size: expected " + Precision.INT4_GROUP},
                    {"precision", "float32", "precision: expected int8 or int4"}
                }) {
            TestCheckpoint.edit(
                    out,
                    config -> {
                        new Quantization(Precision.INT4).write(config);
                        var json =
                                (com.fasterxml.jackson.databind.node.ObjectNode)
                                        config.get(Quantization.KEY);
                        if (json.get(change[0]).isInt()) {
                            json.put(change[0], Integer.parseInt(change[1]));
                        } else {
                            json.put(change[0], change[1]);
                        }
                    });
            assertThatThrownBy(() -> M3Config.read(out))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(change[2]);
        }
    }

    @Test
    void scalesThatAreMissingAreNamed() throws IOException {
        Path out = directory.resolve("out");
        QuantisedCheckpoint.write(
                Golden.checkpoint("llava-m3"), Precision.INT4, out, LoadOptions.defaults());
        Path cut = directory.resolve("cut");
        Files.createDirectory(cut);
        Files.copy(out.resolve("config.json"), cut.resolve("config.json"));
        String missing = "model.layers.1.mlp.up_proj.weight_offset";
        try (Checkpoint checkpoint = Checkpoint.open(out)) {
            var writer = new io.m3j.core.weights.SafetensorsWriter();
            checkpoint.names().stream()
                    .filter(name -> !name.equals(missing))
                    .forEach(name -> writer.add(checkpoint.get(name)));
            writer.writeFile(cut.resolve("model.safetensors"));
        }
        assertThatThrownBy(() -> logits(cut, Optional.empty()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tensor " + missing + " is missing");
        assertThat(StoredLevels.isScale(missing)).isTrue();
    }
}
