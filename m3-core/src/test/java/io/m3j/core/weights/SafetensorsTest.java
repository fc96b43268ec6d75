package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Headers that lie, and tensors that do not fit. */
class SafetensorsTest {

    @TempDir Path directory;

    private Path file(String header, int dataBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        Path file = directory.resolve("model.safetensors");
        return Files.write(
                file,
                TorchBytes.little(8 + json.length + dataBytes)
                        .putLong(json.length)
                        .put(json)
                        .array());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            textBlock =
                    """
            {"a"                                                                   | 0 | JSON
            {} {}                                                                  | 0 | behind
            []                                                                     | 0 | START_ARRAY
            {"a":1}                                                                | 0 | tensor a
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}                 | 7 | within
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}                 | 9 | 9 bytes
            {"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}                 | 8 | expected 12
            {"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}                | 8 | negative
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}                 | 8 | within
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}                | 8 | within
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}                   | 8 | within
            {"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}               | 8 | integers
            {"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}} | 8 | integers
            {"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}} | 0 | more bytes
            {"a":{"dtype":"F32","shape":[2]}}                                      | 8 | without
            {"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}   | 8 | twice
            {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}} | 4 | twice
            {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}} | 3 | overlap
            {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}} | 5 | holes
            {"__metadata__":{"a":1}}                                               | 0 | __metadata__
            """)
    void aHeaderThatLiesIsRefusedWithTheReason(String header, int dataBytes, String reason)
            throws IOException {
        Path file = file(header, dataBytes);
        assertThatThrownBy(() -> Checkpoint.open(file))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("model.safetensors")
                .hasMessageContaining(reason);
    }

    @Test
    void aHeaderLongerThanTheFileIsRefused() throws IOException {
        for (long length : new long[] {0, 1, 100, 100_000_001, Long.MAX_VALUE, -1}) {
            Path file =
                    Files.write(
                            directory.resolve("a.safetensors"),
                            TorchBytes.little(10).putLong(length).array());
            assertThatThrownBy(() -> Checkpoint.open(file))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("header");
        }
    }

    @Test
    void aTypeThatIsNotKnownLeavesTheOtherTensorsUsable() throws IOException {
        Path file =
                file(
                        "{\"odd\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                + "\"ok\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]},"
                                + "\"__metadata__\":{\"format\":\"pt\",\"by\":\"us\"}}",
                        4);
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            assertThat(checkpoint.names()).containsExactly("odd", "ok");
            assertThat(checkpoint.get("ok").data().remaining()).isEqualTo(2);
            assertThat(checkpoint.metadata()).containsEntry("by", "us").hasSize(2);
            assertThatThrownBy(() -> checkpoint.get("odd"))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("odd")
                    .hasMessageContaining("F8_E4M3");
            assertThatThrownBy(() -> checkpoint.info("odd")).isInstanceOf(M3Exception.class);
        }
    }

    @Test
    void aFileAbove2GigabytesIsReadButATensorOfThatSizeIsRefusedByName() throws IOException {
        long big = 1L << 31;
        String header =
                "{\"big\":{\"dtype\":\"U8\",\"shape\":["
                        + big
                        + "],\"data_offsets\":[0,"
                        + big
                        + "]},\"behind\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":["
                        + big
                        + ","
                        + (big + 1)
                        + "]}}";
        Path file = file(header, 0);
        try (FileChannel sparse = FileChannel.open(file, StandardOpenOption.WRITE)) {
            sparse.write(TorchBytes.little(1).put(0, (byte) 42), 8 + header.length() + big);
        }
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            assertThat(checkpoint.get("behind").data().get(0)).isEqualTo((byte) 42);
            assertThatThrownBy(() -> checkpoint.get("big"))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("big")
                    .hasMessageContaining("2 GiB");
        }
    }

    @Test
    void aDirectoryWithoutCheckpointSaysWhatWasLookedFor() throws IOException {
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("model.safetensors.index.json")
                .hasMessageContaining("pytorch_model.bin");
        Files.writeString(
                directory.resolve("pytorch_model.bin"), "version https://git-lfs.github.com/x");
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("git lfs pull");
        Files.writeString(directory.resolve("pytorch_model.bin"), "<html>not found</html>");
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("neither safetensors nor");
        assertThatThrownBy(() -> Checkpoint.open(directory.resolve("absent")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("no such file");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            textBlock =
                    """
            {"weight_map":{"a":"model.safetensors","b":"model.safetensors"}} | tensor b is not in
            {"weight_map":{"a":"gone.safetensors"}}                          | missing
            {"weight_map":{"a":"../model.safetensors"}}                      | outside
            {"weight_map":{"a":"/model.safetensors"}}                        | outside
            {"weight_map":{"a":"x/../../model.safetensors"}}                 | outside
            {"weight_map":{"a":""}}                                          | outside
            {"weight_map":{"a":"nul\\u0000"}}                                | file name
            {"weight_map":{"a":7}}                                           | one file name
            {"weight_map":{"a":"model.safetensors","a":"model.safetensors"}} | one file name
            {"weight_map":[]}                                                | object
            {"metadata":{}}                                                  | weight_map
            {"weight_map":{                                                  | JSON
            """)
    void anIndexThatLiesIsRefusedWithTheReason(String index, String reason) throws IOException {
        file("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
        Files.writeString(directory.resolve("model.safetensors.index.json"), index);
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("index.json")
                .hasMessageContaining(reason);
    }
}
