package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.Layout;
import io.m3j.vision.ClipVisionConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelInfoTest {

    @TempDir private Path directory;

    /** Elements of the tensors of one golden file whose names pass. */
    private static long elements(String file, Predicate<String> names) {
        long total = 0;
        for (var entry : Golden.json("golden/tensors.json").get(file).properties()) {
            if (names.test(entry.getKey())) {
                long count = 1;
                for (JsonNode size : entry.getValue().get(1)) {
                    count *= size.asLong();
                }
                total += count;
            }
        }
        return total;
    }

    @Test
    void aTowerBesideTheCheckpointIsFoundAndCounted() {
        ModelInfo info = ModelInfo.read(Golden.checkpoint("llava-m3-bin-sharded"));
        assertThat(info.layout()).isEqualTo(Layout.ORIGINAL);
        assertThat(info.tower().inside()).isFalse();
        assertThat(info.tower().named()).contains("../clip-full-bin");
        assertThat(info.tower().directory().orElseThrow()).endsWith(Path.of("clip-full-bin"));
        assertThat(info.parameters().tower())
                .contains(
                        elements(
                                "clip-full-bin/pytorch_model.bin",
                                name ->
                                        name.startsWith("vision_model.")
                                                && !name.endsWith("position_ids")));
        // All but the tower's weights are stored in 16 bits.
        assertThat(info.storedTypes())
                .containsEntry(
                        ElementType.FLOAT16,
                        info.parameters().decoder() + info.parameters().projector())
                .containsEntry(ElementType.FLOAT32, info.parameters().tower().orElseThrow());
    }

    @Test
    void partsAddUpToWhatTheFileHolds() {
        String file = "llava-m3/model.safetensors";
        ModelInfo info = ModelInfo.read(Golden.checkpoint("llava-m3"));
        assertThat(info.tower().inside()).isTrue();
        assertThat(info.parameters().total()).isEqualTo(elements(file, name -> true));
        assertThat(info.parameters().tower())
                .contains(elements(file, name -> name.startsWith("model.vision_tower.")));
        assertThat(info.parameters().projector())
                .isEqualTo(elements(file, name -> name.startsWith("model.mm_projector.")));
        assertThat(info.endOfSequence()).containsExactly(2L);
        assertThat(info.tokenizer()).isEmpty();
        assertThat(info.untrained()).isFalse();
        assertThat(info.template()).isEqualTo("vicuna_v1");
    }

    @Test
    void scalesCostWhatTheirKeysAndValuesTake() {
        ModelInfo info = ModelInfo.read(Golden.checkpoint("llava-m3-gqa-sharded"));
        assertThat(info.scales())
                .extracting(cost -> cost.scale().tokens())
                .containsExactly(1, 9, 36, 144, 576);
        DecoderConfig decoder = info.config().decoder();
        long elements = 2L * decoder.layers() * decoder.keyValueHeads() * decoder.headSize();
        assertThat(info.scales().get(2).cacheBytes())
                .containsEntry(Precision.FLOAT32, 36 * elements * 4)
                .containsEntry(Precision.BFLOAT16, 36 * elements * 2);
        assertThat(info.storedTypes()).containsOnlyKeys(ElementType.BFLOAT16);
    }

    @Test
    void bothLayoutsOfTheSameNumbersCountTheSame() {
        ModelInfo original = ModelInfo.read(Golden.checkpoint("llava-m3"));
        ModelInfo huggingFace = ModelInfo.read(Golden.checkpoint("llava-hf"));
        assertThat(huggingFace.layout()).isEqualTo(Layout.HF);
        assertThat(huggingFace.parameters()).isEqualTo(original.parameters());
    }

    @Test
    void aPictureOfLlavaNextCostsWhatItsTilesCost() {
        String file = "llava-next-hf/model.safetensors";
        ModelInfo info = ModelInfo.read(Golden.checkpoint("llava-next-hf"));
        assertThat(info.config().family()).isEqualTo(M3Config.Family.LLAVA_NEXT);
        assertThat(info.parameters().total()).isEqualTo(elements(file, name -> true));
        // The canvas of 2 × 2 tiles: the base, the tiles, and a newline behind each line.
        assertThat(info.scales())
                .extracting(ModelInfo.ScaleCost::visualTokens)
                .containsExactly(7, 51, 192, 744, 2928);
        assertThat(info.layout(640, 480).orElseThrow().tokenCount(Scale.of(576))).isEqualTo(2340);
        MemoryPlan plan = info.plans().get(Precision.FLOAT32);
        ClipVisionConfig vision = info.tower().config().orElseThrow();
        WorkingMemory one =
                new WorkingMemory(
                        info.config().decoder(), vision, Precision.FLOAT32, 1, OwnKernels.NONE);
        assertThat(plan.encode()).isEqualTo(5 * one.encode());
        ModelInfo single = ModelInfo.read(Golden.checkpoint("llava-m3"));
        assertThat(single.layout(640, 480).orElseThrow().tokenCount(Scale.of(36))).isEqualTo(36);
    }

    @Test
    void aTowerThatIsNowhereIsSaidToBeUnknown() throws IOException {
        Path source = Golden.checkpoint("llava-m3-bin-sharded");
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode config = (ObjectNode) mapper.readTree(source.resolve("config.json").toFile());
        config.put("mm_vision_tower", "nowhere/to-be-found");
        try (var files = Files.list(source)) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        Files.write(
                directory.resolve("config.json"),
                mapper.writeValueAsBytes(config.put(ModelInfo.UNTRAINED_KEY, true)));
        ModelInfo info = ModelInfo.read(directory);
        assertThat(info.parameters().tower()).isEmpty();
        assertThat(info.tower().directory()).isEmpty();
        assertThat(info.tower().config()).isEmpty();
        assertThat(info.scales()).isEmpty();
        assertThat(info.untrained()).isTrue();
    }

    @Test
    void aDirectoryWithoutWeightsIsAFailure() throws IOException {
        Files.copy(
                Golden.checkpoint("llava-m3").resolve("config.json"),
                directory.resolve("config.json"));
        assertThatThrownBy(() -> ModelInfo.read(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(directory.toString());
    }
}
