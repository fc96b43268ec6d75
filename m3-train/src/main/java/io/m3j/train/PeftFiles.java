package io.m3j.train;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Adapters on disk as Hugging Face PEFT lays them out (peft/utils/save_and_load.py). */
final class PeftFiles {

    static final String WEIGHTS = "adapter_model.safetensors";
    private static final String CONFIG = "adapter_config.json";
    private static final String PREFIX = "base_model.model.";

    /** What would change the numbers, and which value of it we compute. */
    private static final List<String> UNSUPPORTED =
            List.of("use_dora", "use_rslora", "fan_in_fan_out", "lora_bias");

    private PeftFiles() {}

    static LoraOptions options(Path directory) {
        ConfigJson json = ConfigJson.read(directory.resolve(CONFIG));
        if (!json.text("peft_type").orElse("").equals("LORA")) {
            throw json.wrong("peft_type", "LORA");
        }
        for (String key : UNSUPPORTED) {
            if (json.flag(key, false)) {
                throw json.wrong(key, "false");
            }
        }
        for (String key : List.of("rank_pattern", "alpha_pattern")) {
            if (json.has(key) && !json.raw(key).isEmpty()) {
                throw json.wrong(key, "nothing, so that all adapters are of one rank and alpha");
            }
        }
        if (!json.text("bias").orElse("none").equals("none")) {
            throw json.wrong("bias", "none");
        }
        JsonNode targets = json.raw("target_modules");
        List<String> words = new ArrayList<>();
        for (JsonNode each : targets.isArray() ? targets : List.of(targets)) {
            words.add(each.asText());
        }
        return json.checked(
                () ->
                        new LoraOptions(
                                words,
                                !targets.isArray(),
                                json.integer("r"),
                                json.number("lora_alpha", 0),
                                json.number("lora_dropout", 0)));
    }

    static void write(
            Path directory,
            Path base,
            LoraOptions options,
            Map<String, NDArray> tensors,
            List<String> whole) {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = mapper.createObjectNode();
        json.put("base_model_name_or_path", base.toAbsolutePath().normalize().toString());
        json.put("peft_type", "LORA").put("task_type", "CAUSAL_LM");
        json.put("r", options.rank());
        if (options.alpha() == Math.rint(options.alpha())) {
            json.put("lora_alpha", (long) options.alpha());
        } else {
            json.put("lora_alpha", options.alpha());
        }
        json.put("lora_dropout", options.dropout())
                .put("bias", "none")
                .put("fan_in_fan_out", false);
        json.put("inference_mode", true).put("init_lora_weights", true);
        if (options.expression()) {
            json.put("target_modules", options.targets().get(0));
        } else {
            options.targets().forEach(json.putArray("target_modules")::add);
        }
        if (whole.isEmpty()) {
            json.putNull("modules_to_save");
        } else {
            whole.forEach(json.putArray("modules_to_save")::add);
        }
        SafetensorsWriter writer = new SafetensorsWriter();
        tensors.forEach(
                (theirs, array) -> {
                    TensorInfo info =
                            new TensorInfo(PREFIX + theirs, ElementType.FLOAT32, array.getShape());
                    writer.add(
                            info,
                            () ->
                                    new StoredTensor(
                                            info.name(),
                                            info.type(),
                                            info.shape(),
                                            array.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN)));
                });
        try {
            Files.createDirectories(directory);
            writer.writeFile(directory.resolve(WEIGHTS));
            Files.write(
                    directory.resolve(CONFIG),
                    mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be written (" + e + ")", e);
        }
    }

    /** The name in the base checkpoint, or that of a matrix behind it. */
    static String theirs(Path file, String name) {
        if (!name.startsWith(PREFIX)) {
            throw new M3Exception(file + ": tensor " + name + ": expected a name behind " + PREFIX);
        }
        return name.substring(PREFIX.length());
    }

    /** The module that stands for a whole part, as modules_to_save names it; empty if a tensor is of none. */
    static Optional<String> moduleOf(String theirs) {
        for (String module : List.of("mm_projector", "multi_modal_projector", "vision_tower")) {
            if (theirs.contains(module + ".")) {
                return Optional.of(module);
            }
        }
        return theirs.endsWith(Part.NEWLINE)
                ? Optional.empty()
                : Optional.of(theirs.substring(0, theirs.lastIndexOf('.')));
    }
}
