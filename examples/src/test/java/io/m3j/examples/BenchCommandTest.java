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
                    "/limits/read_gbs",
                    "/open_ms",
                    "/encode_ms",
                    "/prefill_ms/65",
                    "/prefill_ms/640",
                    "/decode_ms_at_640"
                }) {
            assertThat(report.at(path).doubleValue()).as(path).isPositive();
        }
        assertThat(report.get("device").textValue()).isEqualTo(DEVICE);
        double encode = report.get("encode_ms").doubleValue();
        assertThat(report.get("ttft_ms")).hasSize(SCALES.length);
        for (int scale : SCALES) {
            assertThat(report.at("/ttft_ms/" + scale).doubleValue()).isGreaterThan(encode);
        }
        if (Files.exists(Path.of("/proc/self/status"))) {
            assertThat(report.get("peak_rss_mb").doubleValue()).isPositive();
        } else {
            assertThat(report.get("peak_rss_mb").isNull()).isTrue();
        }

        JsonNode info = Run.of("info", written, "--json").json();
        assertThat(info.get("parameters").longValue()).isEqualTo(304_448);
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
        Run run = Run.of("bench", "--model", Home.model(), "--precision", "int8");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("m3j-tiny, int8", DEVICE, "GFLOPS", "at scale 576", "further token");
    }

    @Test
    void whatCannotBeMeasuredIsRefused() {
        Run unknown = Run.of("bench", "--random", "gpt-5");
        assertThat(unknown.status()).isEqualTo(1);
        assertThat(unknown.err()).contains("--random gpt-5: expected one of").hasLineCount(1);
        assertThat(Run.of("bench").status()).isEqualTo(2);
        Path nowhere = directory.resolve("nowhere");
        Run alone = Run.of("bench", "--model", Home.model(), "--write-random", nowhere);
        assertThat(alone.status()).isEqualTo(2);
        assertThat(nowhere).doesNotExist();
    }
}
