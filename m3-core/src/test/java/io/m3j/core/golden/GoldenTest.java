package io.m3j.core.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The fixtures themselves: all there, exact, small enough, and loud when damaged. */
class GoldenTest {

    private static final long TEN_MEGABYTES = 10_000_000;

    @ParameterizedTest
    @ValueSource(strings = {"ckpt", "golden", "images", "text"})
    void everyRestoredFileHasTheDigestRecordedBeforePacking(String area) throws IOException {
        Map<String, String> digests = pack(area).digests();
        assertThat(digests).isNotEmpty();
        for (Map.Entry<String, String> entry : digests.entrySet()) {
            byte[] content = Files.readAllBytes(Golden.file(entry.getKey()));
            assertThat(GoldenPack.sha256(content)).as(entry.getKey()).isEqualTo(entry.getValue());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "clip-vision/model.safetensors",
                "llava-hf/model.safetensors",
                "llava-hf-bf16/model.safetensors",
                "llava-hf-fp16/model.safetensors",
                "llava-m3/model.safetensors",
                "llava-m3-gqa-sharded/model-00003-of-00003.safetensors",
                "llava-next-hf/model.safetensors",
                "llava-next-m3-bf16/model.safetensors"
            })
    void restoredTensorsHaveTheChecksumsThatTheReferenceComputed(String path) throws IOException {
        byte[] content = Files.readAllBytes(Golden.file("ckpt/" + path));
        JsonNode expected = Golden.json("golden/tensors.json").get(path);
        Map<String, GoldenTensors.Entry> entries = GoldenTensors.entries(content);
        assertThat(entries).hasSize(expected.size());
        entries.forEach(
                (name, entry) -> {
                    CRC32 crc = new CRC32();
                    crc.update(content, entry.offset(), entry.length());
                    assertThat(crc.getValue())
                            .as(name)
                            .isEqualTo(expected.get(name).get(2).asLong());
                });
    }

    @Test
    void checkpointsAreSiblingsAsTheirConfigurationsExpect() throws IOException {
        Path sharded = Golden.checkpoint("llava-m3-bin-sharded");
        JsonNode config = Golden.json("ckpt/llava-m3-bin-sharded/config.json");
        assertThat(sharded.resolve(config.get("mm_vision_tower").asText()).normalize())
                .isEqualTo(Golden.checkpoint("clip-full-bin"));
    }

    @Test
    void fixturesTakeLessThanTenMegabytes() throws IOException {
        long total = 0;
        try (Stream<Path> files = Files.walk(Path.of("src", "test", "resources"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                total += Files.size(file);
            }
        }
        assertThat(total).isPositive().isLessThanOrEqualTo(TEN_MEGABYTES);
    }

    @Test
    void largeLogitsKeepEverySixteenthRowAndTheLastFour() {
        GoldenTensors tensors = Golden.tensors("golden/m3_A.safetensors");
        assertThat(tensors.names()).doesNotContain("c0.logits.576", "c0.logits.144", "c0.vision");
        assertThat(tensors.shape("c0.logits_every16.576")).containsExactly(37, 512);
        assertThat(tensors.shape("c0.logits_last4.576")).containsExactly(4, 512);
        assertThat(tensors.shape("c0.logits_every16.144")).containsExactly(10, 512);
        assertThat(tensors.shape("c0.logits_every16.36")).containsExactly(4, 512);
        assertThat(tensors.shape("c0.logits.9")).containsExactly(24, 512);
        assertThat(tensors.shape("c0.vision_every8")).containsExactly(72, 64);
        // The greedy id that the reference recorded follows from the last row.
        float[] last4 = tensors.f32("c0.logits_last4.576");
        float[] last = Arrays.copyOfRange(last4, 3 * 512, 4 * 512);
        int generated =
                Golden.json("golden/m3.json")
                        .at("/cases/A/cases/c0/scales/576/generated/0")
                        .asInt();
        for (float logit : last) {
            assertThat(logit).isLessThanOrEqualTo(last[generated]);
        }
    }

    @Test
    void goldenTensorsAreReadByTypeAndName() {
        GoldenTensors samples = Golden.tensors("golden/preproc/samples.safetensors");
        assertThat(samples.u8("pad.land_640x480.u8")).hasSize(42 * 42 * 3);
        assertThat(samples.f32("pad.land_640x480.f32")).hasSize(3 * 21 * 21);
        assertThatThrownBy(() -> samples.f32("pad.land_640x480.u8"))
                .hasMessageContaining("is U8, not F32");
        assertThatThrownBy(() -> samples.shape("nothing"))
                .hasMessageContaining("no tensor nothing");
    }

    @Test
    void jsonLinesAreReadInOrder() {
        List<JsonNode> prompts = Golden.jsonLines("text/prompts/prompts.jsonl");
        assertThat(prompts).hasSizeGreaterThan(100).allMatch(prompt -> prompt.has("template"));
    }

    @Test
    void unknownFixtureIsNamed() {
        assertThatThrownBy(() -> Golden.checkpoint("llava-m4"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ckpt/llava-m4");
        assertThatThrownBy(() -> Golden.file("movies/one.mp4"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("movies.zip");
    }

    @Test
    void restoringTwiceWritesNothingTheSecondTime(@TempDir Path home) throws IOException {
        GoldenPack pack = pack("text");
        pack.restore(home);
        FileTime longAgo = FileTime.fromMillis(0);
        for (String path : pack.digests().keySet()) {
            Files.setLastModifiedTime(home.resolve(path), longAgo);
        }
        pack.restore(home);
        for (String path : pack.digests().keySet()) {
            assertThat(Files.getLastModifiedTime(home.resolve(path))).as(path).isEqualTo(longAgo);
        }
    }

    @Test
    void restoringMendsFilesThatWereChangedOrCutShort(@TempDir Path home) throws IOException {
        GoldenPack pack = pack("text");
        pack.restore(home);
        Path prompts = home.resolve("text/prompts/prompts.jsonl");
        byte[] content = Files.readAllBytes(prompts);
        Files.write(prompts, Arrays.copyOf(content, content.length / 2));
        Files.delete(home.resolve("text/prompts/templates.json"));
        pack.restore(home);
        assertThat(prompts).hasBinaryContent(content);
        assertThat(home.resolve("text/prompts/templates.json")).exists();
    }

    @Test
    void threadsMayRestoreTheSamePackAtOnce(@TempDir Path home) throws Exception {
        GoldenPack pack = pack("text");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            Callable<Path> restore = () -> pack.restore(home);
            for (Future<Path> done :
                    threads.invokeAll(List.of(restore, restore, restore, restore))) {
                assertThat(done.get()).isEqualTo(home);
            }
        } finally {
            threads.shutdown();
        }
        assertThat(pack.digests().keySet()).allMatch(path -> Files.exists(home.resolve(path)));
    }

    @Test
    void packThatIsCutShortIsReported() throws IOException {
        byte[] zip = bytes("text");
        for (int length : new int[] {0, 10, 5_000, zip.length / 2}) {
            assertThatThrownBy(() -> GoldenPack.read("text.zip", Arrays.copyOf(zip, length)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the fixture pack text.zip is damaged");
        }
    }

    @Test
    void changedByteIsReportedOrHasNoEffect() throws IOException {
        byte[] zip = bytes("text");
        Map<String, String> digests = pack("text").digests();
        int reported = 0;
        int changes = 0;
        for (int position = 0; position < zip.length; position += 2_003, changes++) {
            byte[] changed = zip.clone();
            changed[position] ^= 0x10;
            try {
                // Such as a file's time: what was read has the right digests.
                assertThat(GoldenPack.read("text.zip", changed).digests()).isEqualTo(digests);
            } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("the fixture pack text.zip is damaged");
                reported++;
            }
        }
        assertThat(reported).isGreaterThan(changes * 9 / 10);
    }

    @Test
    void contentThatDoesNotFitItsDigestIsReportedByName() throws IOException {
        byte[] zip =
                GoldenPacker.pack(
                        Map.of("text/a.txt", new byte[] {1}),
                        Map.of(),
                        "0".repeat(64) + "  text/a.txt");
        assertThatThrownBy(() -> GoldenPack.read("text.zip", zip))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("text/a.txt should have SHA-256 0000");
    }

    private static GoldenPack pack(String area) throws IOException {
        return GoldenPack.read(area + ".zip", bytes(area));
    }

    private static byte[] bytes(String area) throws IOException {
        try (InputStream stream = Golden.class.getResourceAsStream("/golden/" + area + ".zip")) {
            return stream.readAllBytes();
        }
    }
}
