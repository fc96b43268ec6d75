package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

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
        long held = info.at("/weight_bytes/bfloat16").longValue();
        // Neither the tower's last layer nor its last norm is held.
        assertThat(held).isBetween(2L * 280_000, 2L * 304_448);
        assertThat(info.at("/weight_bytes/int8").longValue()).isBetween(held / 2, held);
        assertThat(info.at("/weight_bytes/int4").longValue())
                .isLessThan(info.at("/weight_bytes/int8").longValue());
        assertThat(info.get("default_precision").textValue()).isEqualTo("float32");
        assertThat(info.get("default_precision_reason").textValue()).contains("500 million");
        assertThat(info.get("default_precision_device").textValue()).isEqualTo("cpu");
        assertThat(info.get("untrained").booleanValue()).isTrue();
        assertThat(info.get("tokenizer").textValue()).isEqualTo("tokenizer.model");
        assertThat(info.at("/vision_tower/inside").booleanValue()).isTrue();
        assertThat(info.get("context").intValue()).isEqualTo(2048);
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
                        "precision on a CPU",
                        "at scale 576: cache",
                        "weights, in memory",
                        "int4");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 100);
    }

    @Test
    void aShapeWithoutFilesIsPlannedForManyRequests() {
        JsonNode one = Run.of("info", "--random", "llava-1.5-7b", "--json").json();
        JsonNode four = Run.of("info", "--random", "llava-1.5-7b", "--batch", 4, "--json").json();
        String cache = "/memory_plan/int8/by_scale/576/kv_cache_bytes";
        String peak = "/memory_plan/int8/by_scale/576/peak_bytes";
        // 576 + 64 + 256 positions of 32 layers of 2 × 4,096 numbers of 2 bytes
        assertThat(one.at(cache).longValue()).isEqualTo(896L * 32 * 2 * 4096 * 2);
        assertThat(four.at(cache).longValue()).isEqualTo(4 * one.at(cache).longValue());
        assertThat(four.at(peak).longValue()).isGreaterThan(one.at(peak).longValue());
        assertThat(one.at("/memory_plan/bfloat16/weights_in_file_bytes").longValue())
                .isGreaterThan(12L << 30);
        Run both = Run.of("info", Home.model(), "--random", "m3j-tiny");
        assertThat(both.status()).isEqualTo(2);
        Run none = Run.of("info", "--random", "m3j-tiny", "--batch", 0);
        assertThat(none.err()).contains("--batch 0: expected 1 or more").hasLineCount(1);
    }

    @Test
    void aPicturesTilesAndTokensAreToldBeforeThereIsOne() {
        Path next = Golden.checkpoint("llava-next-m3-bf16");
        JsonNode info = Run.of("info", next, "--size", "640x480", "--json").json();
        assertThat(info.get("family").textValue()).isEqualTo("llava-next");
        assertThat(info.get("supported").booleanValue()).isTrue();
        JsonNode picture = info.get("picture");
        assertThat(picture.get("tiles").intValue()).isEqualTo(5);
        assertThat(picture.get("columns").intValue()).isEqualTo(2);
        for (var scale :
                Golden.json("golden/next.json").at("/images/land_640x480/scales").properties()) {
            assertThat(picture.get("tokens").get(scale.getKey()).intValue())
                    .isEqualTo(scale.getValue().get("total").intValue());
        }
        // Of a picture that fills the canvas of 2 × 2 tiles: five of 576, and 48 newlines.
        assertThat(info.at("/memory_by_scale/576/visual_tokens").intValue())
                .isEqualTo(5 * 576 + 48);
        Run text = Run.of("info", next, "--size=640×480");
        assertThat(text.out())
                .contains("a picture 640×480", "5 tiles: the whole, and 2 × 2", "2340 tokens");
        Run one = Run.of("info", Home.model(), "--size=20000x3");
        assertThat(one.out()).contains("one tile", "576 tokens");
        Run wrong = Run.of("info", next, "--size=640");
        assertThat(wrong.status()).isEqualTo(1);
        assertThat(wrong.err()).contains("--size 640: expected width and height").hasLineCount(1);
    }
}
