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
    void otherFilesStayAsTheyAre() throws IOException {
        byte[] content = twentyRows();
        assertThat(GoldenTrimmer.trim("golden/clip.safetensors", content)).isSameAs(content);
    }

    /** Two tensors that count up from zero: 20 rows of 2, and 1 row of 2. */
    private static byte[] twentyRows() {
        byte[] header =
                ("{'c0.logits.144':{'dtype':'F32','shape':[20,2],'data_offsets':[0,160]},"
                                + "'c0.pooled.9':{'dtype':'F32','shape':[1,2],'data_offsets':[160,168]}}")
                        .replace('\'', '"')
                        .getBytes(StandardCharsets.UTF_8);
        ByteBuffer file =
                ByteBuffer.allocate(8 + header.length + 168).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length).put(header);
        for (int i = 0; i < 42; i++) {
            file.putFloat(i);
        }
        return file.array();
    }
}
