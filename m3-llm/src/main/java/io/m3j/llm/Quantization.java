package io.m3j.llm;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Precision;
import java.util.Optional;

/**
 * How a checkpoint was quantised by us: {@code quantization_config} of its config.json, the key that
 * Hugging Face's files have for it, with a method of our own.
 *
 * @param precision int8 or int4
 */
public record Quantization(Precision precision) {

    /** The key of config.json. */
    static final String KEY = "quantization_config";

    private static final String METHOD = "quant_method";
    private static final String OURS = "m3j";
    private static final String VERSION = "version";
    private static final int THIS_VERSION = 1;
    private static final String GROUP = "group_size";

    /**
     * @param config a config.json
     * @return what it says; empty if its weights are plain
     * @throws M3Exception if another tool quantised it, or another version of this one
     */
    static Optional<Quantization> of(ConfigJson config) {
        if (!config.has(KEY)) {
            return Optional.empty();
        }
        ConfigJson json = config.object(KEY);
        if (!json.text(METHOD).orElse("").equals(OURS)) {
            throw new M3Exception(
                    json.where()
                            + ": expected plain weights (float32, float16 or bfloat16) or those of"
                            + " m3 quantize, found weights quantised by another tool");
        }
        if (json.integer(VERSION) != THIS_VERSION) {
            throw json.wrong(VERSION, THIS_VERSION + "; quantise the model again");
        }
        String label = json.text("precision").orElse("");
        Precision precision = json.checked(() -> Precision.of(label));
        if (!precision.quantises()) {
            throw json.wrong("precision", "int8 or int4");
        }
        if (precision == Precision.INT4 && json.integer(GROUP) != Precision.INT4_GROUP) {
            throw json.wrong(GROUP, Precision.INT4_GROUP + "; quantise the model again");
        }
        return Optional.of(new Quantization(precision));
    }

    /** Writes what {@link #of} reads. */
    void write(ObjectNode config) {
        ObjectNode json = config.putObject(KEY);
        json.put(METHOD, OURS).put(VERSION, THIS_VERSION).put("precision", precision.label());
        if (precision == Precision.INT4) {
            json.put(GROUP, Precision.INT4_GROUP);
        }
    }
}
