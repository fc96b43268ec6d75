package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.torch.Devices;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bench}: what it prints, not how long anything took. */
class BenchCommandTest {

    private static final String DEVICE = Devices.label(Devices.best());

    private static final int[] SCALES = {1, 9, 36, 144, 576};

    @TempDir private Path directory;

    @Test
    void everyNumberOfTheReportIsThereAndWhatWasWrittenOpens() {
        Path written = directory.resolve("written");
        Run run = Run.of("bench", "--random", "m3j-tiny", "--write-random", written, "--json");
        JsonNode report = run.json();
        assertThat(run.err()).isEmpty();
        for (String path :
                new String[] {
                    "/limits/gemm_gflops",
                    "/limits/gemm_gflops_float32",
                    "/limits/gemm_gflops_bfloat16",
                    "/limits/read_gbs",
                    "/limits/before/read_gbs_sum",
                    "/limits/after/read_gbs_row_products",
                    "/open_ms",
                    "/encode_ms",
                    "/preprocess_ms",
                    "/tower_ms",
                    "/project_ms",
                    "/pool_ms/9",
                    "/prefill_ms/65",
                    "/prefill_ms/640",
                    "/decode_ms_at_640",
                    "/work/prefill_gflop/640",
                    "/of_limit/tower",
                    "/of_limit/project",
                    "/of_limit/prefill/65",
                    "/of_limit/decode",
                    "/roofline/ttft_ms/1",
                    "/roofline/saving_promised",
                    "/threads",
                    "/jvm_heap/peak_mb"
                }) {
            assertThat(report.at(path).doubleValue()).as(path).isPositive();
        }
        assertThat(report.get("model").textValue()).isEqualTo(written.toString());
        assertThat(report.at("/versions/libtorch").textValue()).startsWith("2.");
        assertThat(report.get("device").textValue()).isEqualTo(DEVICE);
        double encode = report.get("encode_ms").doubleValue();
        assertThat(report.get("ttft_ms")).hasSize(SCALES.length);
        for (int scale : SCALES) {
            assertThat(report.at("/ttft_ms/" + scale).doubleValue()).isGreaterThan(encode);
        }
        for (String key : new String[] {"encode_ms", "decode_ms_at_640"}) {
            double median = report.get(key).doubleValue();
            JsonNode spread = report.at("/spread/" + key);
            assertThat(spread.get("min").doubleValue()).isLessThanOrEqualTo(median);
            assertThat(spread.get("max").doubleValue()).isGreaterThanOrEqualTo(median);
            assertThat(spread.get("runs").intValue()).isGreaterThanOrEqualTo(3);
        }
        if (Files.exists(Path.of("/proc/self/status"))) {
            double peak = report.get("peak_rss_mb").doubleValue();
            JsonNode opened = report.at("/resident/after_open");
            assertThat(opened.get("anon_mb").doubleValue()).isPositive();
            assertThat(opened.get("rss_mb").doubleValue()).isBetween(1., peak);
        } else {
            assertThat(report.get("peak_rss_mb").isNull()).isTrue();
        }

        JsonNode info = Run.of("info", written, "--json").json();
        assertThat(info.get("parameters").longValue()).isEqualTo(1_598_848);
        assertThat(info.get("scales").toString()).isEqualTo("[1,9,36,144,576]");
        Run ids =
                Run.of(
                        "generate-ids",
                        "--model",
                        written,
                        "--image",
                        Home.picture(),
                        "--ids=1,-200",
                        "--tokens=9",
                        "--max-new-tokens=2",
                        "--ignore-eos",
                        "--json");
        assertThat(ids.json().get("9")).hasSize(2);
        Run again = Run.of("bench", "--random", "m3j-tiny", "--write-random", written);
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains("holds safetensors files already").hasLineCount(1);
    }

    @Test
    void textIsForAPersonAndACheckpointIsMeasuredToo() {
        Run run = Run.of("bench", "--model", Home.model(), "--precision", "int8", "--quick");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("m3j-tiny, int8", DEVICE, "int8 ", "GFLOPS, afterwards", "further token")
                .containsPattern("(?m)^ +576 +640 .* %")
                .contains("From 576 to 9 visual tokens");
    }

    @Test
    void aPartAloneIsMeasuredAloneAndSaysNothingOfTheRest() {
        Run decode =
                Run.of(
                        "bench",
                        "--random=m3j-tiny",
                        "--precision=bfloat16",
                        "--only=decode",
                        "--quick",
                        "--json");
        JsonNode report = decode.json();
        assertThat(report.get("decode_ms_at_640").doubleValue()).isPositive();
        assertThat(report.get("open_ms").doubleValue()).isPositive();
        for (String absent :
                new String[] {
                    "limits", "encode_ms", "pool_ms", "prefill_ms", "ttft_ms", "of_limit"
                }) {
            assertThat(report.has(absent)).as(absent).isFalse();
        }
        // A step reads 3 · (128 · (4 · 128 + 3 · 256)) weights of the layers and 128 · 1,024 of the
        // head.
        assertThat(report.at("/work/decode_weight_bytes").doubleValue()).isEqualTo(1_245_184);

        JsonNode prefill =
                Run.of("bench", "--random=m3j-tiny", "--only=prefill", "--quick", "--json").json();
        assertThat(prefill.get("prefill_ms")).hasSize(SCALES.length);
        assertThat(prefill.has("decode_ms_at_640")).isFalse();
        assertThat(Run.of("bench", "--random=m3j-tiny", "--only=encode", "--quick").out())
                .contains("tower")
                .doesNotContain("prefill", "GFLOPS", "further token");
    }

    @Test
    void whatCannotBeMeasuredIsRefused() {
        Run unknown = Run.of("bench", "--random", "gpt-5");
        assertThat(unknown.status()).isEqualTo(1);
        assertThat(unknown.err()).contains("--random gpt-5: expected one of").hasLineCount(1);
        Run part = Run.of("bench", "--random", "m3j-tiny", "--only", "prefill,sleep");
        assertThat(part.status()).isEqualTo(1);
        assertThat(part.err())
                .contains("--only sleep: expected some of limits, encode, prefill, decode")
                .hasLineCount(1);
        assertThat(Run.of("bench").status()).isEqualTo(2);
        Path nowhere = directory.resolve("nowhere");
        Run alone = Run.of("bench", "--model", Home.model(), "--write-random", nowhere);
        assertThat(alone.status()).isEqualTo(2);
        assertThat(nowhere).doesNotExist();
    }
}
