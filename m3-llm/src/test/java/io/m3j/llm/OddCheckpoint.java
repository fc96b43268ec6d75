package io.m3j.llm;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Activation;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.vision.ClipVisionConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Small random checkpoints of sizes that no golden one has. */
final class OddCheckpoint {

    private static final ObjectMapper JSON = new ObjectMapper();

    private OddCheckpoint() {}

    /**
     * @param vocabulary rows of embeddings and head
     * @param width of the decoder
     * @param inner of its feed-forward sublayers
     */
    static Path write(Path directory, int vocabulary, int width, int inner) {
        DecoderConfig decoder =
                new DecoderConfig(
                        width,
                        inner,
                        2,
                        4,
                        2,
                        width / 4,
                        vocabulary,
                        2048,
                        1e-5,
                        10_000,
                        RopeScaling.NONE,
                        false,
                        false,
                        false);
        ClipVisionConfig vision =
                new ClipVisionConfig(36, 52, 2, 4, 336, 14, Activation.QUICK_GELU, 1e-5);
        M3Config like = ModelShape.M3J_TINY.config();
        M3Config config =
                new M3Config(
                        directory,
                        like.family(),
                        like.modelType(),
                        decoder,
                        Optional.of(vision),
                        Optional.empty(),
                        -2,
                        2,
                        like.projectorActivation(),
                        true,
                        like.imageToken(),
                        true,
                        Optional.empty(),
                        false,
                        List.of(),
                        like.endOfSequence(),
                        Optional.empty(),
                        like.facts());
        SafetensorsWriter writer = new SafetensorsWriter();
        try (RandomCheckpoint random = new RandomCheckpoint(config, 5)) {
            random.names().forEach(name -> writer.add(random.info(name), () -> random.get(name)));
            writer.writeDirectory(directory, 1 << 30);
            Path golden = Golden.checkpoint("llava-m3").resolve("config.json");
            ObjectNode json = (ObjectNode) JSON.readTree(golden.toFile());
            json.put("hidden_size", width).put("intermediate_size", inner);
            json.put("num_hidden_layers", 2).put("num_attention_heads", 4);
            json.put("num_key_value_heads", 2).put("vocab_size", vocabulary);
            ObjectNode tower = json.putObject("vision_config");
            tower.put("model_type", "clip_vision_model").put("hidden_size", 36);
            tower.put("intermediate_size", 52).put("num_hidden_layers", 2);
            tower.put("num_attention_heads", 4).put("image_size", 336).put("patch_size", 14);
            Files.write(directory.resolve("config.json"), JSON.writeValueAsBytes(json));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return directory;
    }
}
