package io.m3j.core.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GoldenTrimmerTest {

    @Test
    void keptRowsAreThoseThatTheNamesPromise(@TempDir Path directory) throws IOException {
        byte[] trimmed = GoldenTrimmer.trim("golden/m3_A.safetensors", twentyRows());
        GoldenTensors tensors =
                GoldenTensors.open(Files.write(directory.resolve("t.safetensors"), trimmed));
        assertThat(tensors.names())
                .containsExactly("c0.logits_every16.144", "c0.logits_last4.144", "c0.pooled.9");
        assertThat(tensors.shape("c0.logits_last4.144")).containsExactly(4, 2);
        assertThat(tensors.f32("c0.logits_every16.144")).containsExactly(0, 1, 32, 33);
        assertThat(tensors.f32("c0.logits_last4.144"))
                .containsExactly(32, 33, 34, 35, 36, 37, 38, 39);
        assertThat(tensors.f32("c0.pooled.9")).containsExactly(40, 41);
    }

    @Test
    void ofLlavaNextTheLastRowsRemain(@TempDir Path directory) throws IOException {
        byte[] four =
                file(
                        "{'a.logits_last4.9':{'dtype':'F32','shape':[4,2],'data_offsets':[0,32]},"
                                + "'a.features_rows.9':{'dtype':'F32','shape':[1,2],'data_offsets':[32,40]},"
                                + "'a.logits.9':{'dtype':'F32','shape':[1,2],'data_offsets':[40,48]}}",
                        12);
        byte[] trimmed = GoldenTrimmer.trim("golden/next.safetensors", four);
        GoldenTensors tensors =
                GoldenTensors.open(Files.write(directory.resolve("t.safetensors"), trimmed));
        assertThat(tensors.names()).containsExactly("a.logits_last.9", "a.features_rows.9");
        assertThat(tensors.shape("a.logits_last.9")).containsExactly(1, 2);
        assertThat(tensors.f32("a.logits_last.9")).containsExactly(6, 7);
        assertThat(tensors.f32("a.features_rows.9")).containsExactly(8, 9);
    }

    @Test
    void ofAGridEveryEighthRowRemains(@TempDir Path directory) throws IOException {
        byte[] grid =
                file("{'c0.vision':{'dtype':'F32','shape':[18,1],'data_offsets':[0,72]}}", 18);
        byte[] trimmed = GoldenTrimmer.trim("golden/m3_B.safetensors", grid);
        GoldenTensors tensors =
                GoldenTensors.open(Files.write(directory.resolve("t.safetensors"), trimmed));
        assertThat(tensors.f32("c0.vision_every8")).containsExactly(0, 8, 16);
    }

    @Test
    void otherFilesStayAsTheyAre() throws IOException {
        byte[] content = twentyRows();
        assertThat(GoldenTrimmer.trim("golden/train.safetensors", content)).isSameAs(content);
    }

    /** Two tensors that count up from zero: 20 rows of 2, and 1 row of 2. */
    private static byte[] twentyRows() {
        return file(
                "{'c0.logits.144':{'dtype':'F32','shape':[20,2],'data_offsets':[0,160]},"
                        + "'c0.pooled.9':{'dtype':'F32','shape':[1,2],'data_offsets':[160,168]}}",
                42);
    }

    private static byte[] file(String json, int numbers) {
        byte[] header = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        ByteBuffer file =
                ByteBuffer.allocate(8 + header.length + Float.BYTES * numbers)
                        .order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length).put(header);
        for (int i = 0; i < numbers; i++) {
            file.putFloat(i);
        }
        return file.array();
    }
}
