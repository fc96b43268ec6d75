package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Devices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code info} prints what {@code ModelInfo} found. */
class InfoCommandTest {

    @Test
    void jsonHoldsWhatACheckpointIsAndCosts() {
        JsonNode info = Run.of("info", Home.model(), "--json").json();
        assertThat(info.get("family").textValue()).isEqualTo("llava");
        assertThat(info.get("model_type").textValue()).isEqualTo("llava_llama");
        assertThat(info.get("parameters").longValue()).isEqualTo(304_448);
        assertThat(info.at("/parameters_by_part/decoder").longValue()).isEqualTo(203_072);
        assertThat(info.get("precision").textValue()).isEqualTo("bfloat16");
        assertThat(info.get("scales").toString()).isEqualTo("[1,9,36,144,576]");
        // Keys and values of 2 layers of 4 heads of 16, 4 bytes each.
        assertThat(info.at("/memory_by_scale/36/kv_cache_bytes/float32").longValue())
                .isEqualTo(36L * 2 * 2 * 4 * 16 * 4);
        assertThat(info.at("/weight_bytes/bfloat16").longValue()).isEqualTo(2 * 304_448);
        assertThat(info.at("/weight_bytes/int8").longValue()).isEqualTo(304_448);
        assertThat(info.at("/weight_bytes/int4").longValue()).isEqualTo(304_448 * 5 / 8);
        assertThat(info.get("untrained").booleanValue()).isTrue();
        assertThat(info.get("tokenizer").textValue()).isEqualTo("tokenizer.model");
        assertThat(info.at("/vision_tower/inside").booleanValue()).isTrue();
        assertThat(info.get("context").intValue()).isEqualTo(2048);
        assertThat(info.get("device").textValue()).isEqualTo(Devices.label(Devices.best()));
    }

    @Test
    void textIsForAPerson() {
        Run run = Run.of("info", Home.model());
        assertThat(run.status()).isZero();
        assertThat(run.out())
                .contains(
                        "304,448",
                        "llava",
                        "random weights",
                        "576",
                        "weights in int4",
                        "would run on");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 100);
    }

    @Test
    void anyResolutionIsReportedAsNotBuiltYet(@TempDir Path next) throws IOException {
        // The fixtures hold its configuration alone; the headers of any weights do.
        Files.copy(
                Golden.checkpoint("llava-next-hf").resolve("config.json"),
                next.resolve("config.json"));
        Files.copy(
                Golden.checkpoint("llava-hf").resolve("model.safetensors"),
                next.resolve("model.safetensors"));
        Run run = Run.of("info", next);
        assertThat(run.status()).isZero();
        assertThat(run.out()).contains("llava-next", "not built yet");
        JsonNode info = Run.of("info", next, "--json").json();
        assertThat(info.get("family").textValue()).isEqualTo("llava-next");
        assertThat(info.get("supported").booleanValue()).isFalse();
    }
}
