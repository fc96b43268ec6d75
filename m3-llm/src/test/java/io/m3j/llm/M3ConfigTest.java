package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.PatchMerge;
import io.m3j.vision.Resolution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a configuration says, and how one that cannot be used is refused. */
class M3ConfigTest {

    @TempDir Path temporary;

    private int copies;

    @Test
    void bothLayoutsOfOneModelSayTheSame() {
        M3Config original = M3Config.read(Golden.checkpoint("llava-m3"));
        M3Config huggingFace = M3Config.read(Golden.checkpoint("llava-hf"));
        assertThat(original.decoder()).isEqualTo(huggingFace.decoder());
        assertThat(original.family()).isEqualTo(huggingFace.family());
        assertThat(original.pad()).isTrue();
        assertThat(original.imageToken()).isEqualTo(-200);
        assertThat(huggingFace.imageToken()).isEqualTo(511);
        assertThat(original.ladder(24)).isEqualTo(huggingFace.ladder(24));
    }

    @Test
    void aPathThatIsNoCheckpointIsRefused() throws IOException {
        refused(temporary.resolve("none"), "none", "a directory", "found nothing");
        refused(Files.createFile(temporary.resolve("file")), "file", "found a file");
        refused(Files.createDirectory(temporary.resolve("empty")), "config.json is missing");
    }

    @Test
    void aDirectoryThatMayNotBeReadIsNotCalledEmpty() throws IOException {
        Path directory = Files.createDirectories(temporary.resolve("closed/model"));
        Files.writeString(directory.resolve("config.json"), "{}");
        for (Path closed : List.of(directory, directory.getParent())) {
            assumeTrue(closed.toFile().setExecutable(false, false));
            assumeFalse(Files.exists(directory.resolve("config.json")), "the superuser sees all");
            refused(directory, directory.toString(), "may not be read", "permissions");
            assertThat(closed.toFile().setExecutable(true)).isTrue();
        }
    }

    @Test
    void scalesThatMakeNoLadderAreRefusedWithTheirFile() throws IOException {
        for (int scale : new int[] {0, 3, 1024}) {
            M3Config config = M3Config.read(scales(scale));
            assertThatThrownBy(() -> config.ladder(24))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("config.json: matryoshka_vis_token_scale: ")
                    .hasMessageContaining("scale " + scale);
        }
    }

    private Path scales(int scale) throws IOException {
        return original(c -> c.putArray("matryoshka_vis_token_scale").add(scale));
    }

    @Test
    void aBrokenConfigurationIsRefused() throws IOException {
        Path directory = Files.createDirectory(temporary.resolve("broken"));
        Files.writeString(directory.resolve("config.json"), "{\"model_type\": ");
        refused(directory, "config.json", "not valid JSON");
        Files.writeString(directory.resolve("config.json"), "[]");
        refused(directory, "config.json", "expected a JSON object");
    }

    @Test
    void wrongTypesAreRefusedByKey() throws IOException {
        refusedOriginal(c -> c.put("hidden_size", "96"), "hidden_size", "\"96\"");
        refusedOriginal(c -> c.put("num_hidden_layers", 1.5), "num_hidden_layers");
        refusedOriginal(c -> c.put("model_type", 3), "model_type", "a text");
        refusedOriginal(
                c -> c.put("matryoshka_vis_token_scale", "1"), "matryoshka_vis_token_scale");
        refusedOriginal(c -> c.put("mm_vision_tower", 7), "mm_vision_tower");
        refusedOriginal(c -> c.put("mm_use_im_start_end", "yes"), "mm_use_im_start_end");
        refusedOriginal(c -> c.put("rope_scaling", "linear"), "rope_scaling", "an object");
        refusedHuggingFace(c -> c.put("text_config", "llama"), "text_config", "an object");
        refusedHuggingFace(c -> c.put("image_token_index", "x"), "image_token_index");
    }

    @Test
    void otherArchitecturesAreRefusedByName() throws IOException {
        refusedOriginal(c -> c.put("model_type", "llama"), "model_type llama", "llava_next");
        refusedOriginal(c -> c.remove("model_type"), "model_type (none)");
        refusedHuggingFace(c -> c.put("model_type", "paligemma"), "paligemma");
        refusedHuggingFace(
                c -> ((ObjectNode) c.get("text_config")).put("model_type", "qwen2"),
                "text_config",
                "\"qwen2\"",
                "llama or mistral");
        refusedHuggingFace(
                c -> ((ObjectNode) c.get("vision_config")).put("model_type", "siglip_vision_model"),
                "vision_config",
                "clip_vision_model",
                "siglip_vision_model");
    }

    @Test
    void weightsOfAnotherToolsQuantisationAreRefused() throws IOException {
        refusedOriginal(
                c -> c.putObject("quantization_config").put("bits", 4),
                "quantization_config",
                "bfloat16");
    }

    @Test
    void whatThisModelDoesNotComputeIsRefused() throws IOException {
        refusedOriginal(c -> c.put("mm_projector_type", "identity"), "identity", "mlpNx_gelu");
        refusedOriginal(c -> c.put("mm_projector_type", "mlp0x_gelu"), "mlp0x_gelu");
        refusedOriginal(c -> c.put("mm_vision_select_feature", "cls_patch"), "cls_patch");
        refusedOriginal(c -> c.put("hidden_act", "gelu"), "hidden_act", "silu");
        refusedHuggingFace(
                c -> c.put("vision_feature_select_strategy", "full"),
                "vision_feature_select_strategy");
        refusedHuggingFace(
                c -> c.putArray("vision_feature_layer").add(-2).add(-5), "vision_feature_layer");
        refusedHuggingFace(
                c -> c.put("projector_hidden_act", "tanh"), "config.json: activation tanh");
    }

    @Test
    void headsThatDoNotDivideAreRefused() throws IOException {
        refusedOriginal(c -> c.put("num_attention_heads", 7), "num_attention_heads", "96");
        refusedOriginal(
                c -> c.put("num_key_value_heads", 4), "config.json: decoder: 4 key/value", "6");
        refusedOriginal(c -> c.put("head_dim", 3), "config.json: decoder: head size 3");
        refusedHuggingFace(
                c -> ((ObjectNode) c.get("vision_config")).put("num_attention_heads", 5),
                "config.json, vision_config: vision tower",
                "64",
                "5");
        refusedHuggingFace(
                c -> ((ObjectNode) c.get("vision_config")).put("patch_size", 400), "400", "336");
    }

    @Test
    void endOfSequenceIdsComeFromTheFirstFileThatHasThem() throws IOException {
        assertThat(M3Config.read(original(c -> {})).endOfSequence()).containsExactly(2L);
        Path both = original(c -> c.putArray("eos_token_id").add(7).add(9));
        Files.delete(both.resolve("generation_config.json"));
        assertThat(M3Config.read(both).endOfSequence()).containsExactlyInAnyOrder(7L, 9L);
        Files.writeString(both.resolve("generation_config.json"), "{\"eos_token_id\": [3, 4]}");
        assertThat(M3Config.read(both).endOfSequence()).containsExactlyInAnyOrder(3L, 4L);
        Files.writeString(both.resolve("generation_config.json"), "{}");
        assertThat(M3Config.read(both).endOfSequence()).containsExactlyInAnyOrder(7L, 9L);
        Path none = original(c -> c.remove("eos_token_id"));
        Files.delete(none.resolve("generation_config.json"));
        assertThat(M3Config.read(none).endOfSequence()).as("LLaMA's").containsExactly(2L);
        Files.writeString(none.resolve("generation_config.json"), "{\"eos_token_id\": \"2\"}");
        refused(none, "generation_config.json", "eos_token_id");
    }

    @Test
    void nextIsRecognisedInBothLayouts() {
        for (String name : new String[] {"llava-next-hf", "llava-next-m3-bf16"}) {
            M3Config config = M3Config.read(Golden.checkpoint(name));
            assertThat(config.family()).as(name).isEqualTo(M3Config.Family.LLAVA_NEXT);
            assertThat(config.family().label()).isEqualTo("llava-next");
            AnyResolution any = config.anyResolution().orElseThrow();
            assertThat(any.merge()).isEqualTo(PatchMerge.SPATIAL_UNPAD);
            assertThat(any.pinpoints()).hasSize(5);
            boolean heightFirst = name.equals("llava-next-hf");
            assertThat(any.pinpoints().get(0))
                    .isEqualTo(heightFirst ? new Resolution(672, 336) : new Resolution(336, 672));
        }
    }

    @Test
    void canvasesAreReadFromWhereverTheyStand() throws IOException {
        Consumer<ObjectNode> none = c -> c.remove("image_grid_pinpoints");
        Path processor = edited("llava-next-hf", none);
        Files.writeString(
                processor.resolve("preprocessor_config.json"),
                "{\"image_grid_pinpoints\": [[336, 1008]]}");
        assertThat(M3Config.read(processor).anyResolution().orElseThrow().pinpoints())
                .containsExactly(new Resolution(1008, 336));
        Path nowhere = edited("llava-next-hf", none);
        Files.delete(nowhere.resolve("preprocessor_config.json"));
        assertThat(M3Config.read(nowhere).anyResolution().orElseThrow().pinpoints()).hasSize(5);
        String many = "[" + "(336, 672), ".repeat(5000) + "]";
        Path text = edited("llava-next-m3-bf16", c -> c.put("image_grid_pinpoints", many));
        assertThat(M3Config.read(text).anyResolution().orElseThrow().pinpoints()).hasSize(5000);
        refused(
                edited(
                        "llava-next-m3-bf16",
                        c -> c.put("image_grid_pinpoints", "[(1000336, 672)]")),
                "image_grid_pinpoints: expected a list of pairs",
                "1000336");
        refused(edited("llava-next-m3-bf16", none), "image_grid_pinpoints", "any resolution");
        refused(
                edited("llava-next-m3-bf16", c -> c.put("image_grid_pinpoints", "(1x1),(6x6)")),
                "image_grid_pinpoints: expected a list of pairs",
                "(1x1)");
        refused(
                edited("llava-next-m3-bf16", c -> c.put("mm_patch_merge_type", "spatial_pool")),
                "config.json: mm_patch_merge_type spatial_pool",
                "spatial_unpad");
        refused(
                edited("llava-next-m3-bf16", c -> c.put("image_aspect_ratio", "anyres_max_0")),
                "image_aspect_ratio",
                "anyres_max_N");
    }

    private Path original(Consumer<ObjectNode> change) throws IOException {
        return edited("llava-m3", change);
    }

    /** transformers leaves out of a file what equals the defaults of the decoder's kind. */
    @Test
    void whatIsLeftOutHasTheDefaultsOfTheDecodersKind() throws IOException {
        Path directory =
                edited(
                        "llava-hf",
                        config ->
                                config.putObject("text_config")
                                        .put("model_type", "mistral")
                                        .put("vocab_size", 32064));
        DecoderConfig mistral = M3Config.read(directory).decoder();
        assertThat(mistral.keyValueHeads()).isEqualTo(8);
        assertThat(mistral.intermediateSize()).isEqualTo(14336);
        assertThat(mistral.maximumPositions()).as("its window").isEqualTo(4096);
        Path whole =
                edited(
                        "llava-hf",
                        config ->
                                config.putObject("text_config")
                                        .put("model_type", "mistral")
                                        .putNull("sliding_window"));
        assertThat(M3Config.read(whole).decoder().maximumPositions()).isEqualTo(131_072);
        Path llama = edited("llava-hf", config -> config.putObject("text_config"));
        assertThat(M3Config.read(llama).decoder().keyValueHeads()).isEqualTo(32);
        assertThat(M3Config.read(llama).decoder().intermediateSize()).isEqualTo(11008);
    }

    private Path edited(String checkpoint, Consumer<ObjectNode> change) throws IOException {
        Path directory = TestCheckpoint.link(checkpoint, temporary, "copy" + copies++);
        TestCheckpoint.edit(directory, change);
        return directory;
    }

    private void refusedOriginal(Consumer<ObjectNode> change, String... parts) throws IOException {
        refused(original(change), parts);
    }

    private void refusedHuggingFace(Consumer<ObjectNode> change, String... parts)
            throws IOException {
        refused(edited("llava-hf", change), parts);
    }

    private static void refused(Path directory, String... parts) {
        assertThatThrownBy(() -> M3Config.read(directory))
                .isInstanceOf(M3Exception.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }
}
