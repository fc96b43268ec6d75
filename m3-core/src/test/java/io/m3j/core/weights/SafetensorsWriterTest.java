package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {

    @TempDir Path directory;

    private static SafetensorsWriter writer(List<StoredTensor> tensors) {
        SafetensorsWriter writer = new SafetensorsWriter();
        tensors.forEach(writer::add);
        return writer;
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }

    @Property(tries = 100)
    void whatIsWrittenIsReadInOneFileOrInShards(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 500) int maximumShardBytes)
            throws IOException {
        Random random = new Random(seed);
        List<StoredTensor> tensors = new ArrayList<>();
        for (int i = 0; i < random.nextInt(12); i++) {
            ElementType[] types = ElementType.values();
            long[] shape = random.longs(random.nextInt(4), 0, 5).toArray();
            ElementType type = types[random.nextInt(types.length)];
            tensors.add(CheckpointContract.tensor(random, "t." + i + "\"ä\n", type, shape));
        }
        Path target = Files.createTempDirectory("m3j-writer");
        try {
            writer(tensors).writeDirectory(target, maximumShardBytes);
            try (Checkpoint checkpoint = Checkpoint.open(target)) {
                assertThat(checkpoint.names())
                        .containsExactlyElementsOf(
                                tensors.stream().map(StoredTensor::name).toList());
                assertThat(checkpoint.metadata()).containsEntry("format", "pt");
                for (StoredTensor tensor : tensors) {
                    StoredTensor found = checkpoint.get(tensor.name());
                    assertThat(found.info()).isEqualTo(tensor.info());
                    assertThat(found.data()).isEqualTo(tensor.data());
                }
            }
        } finally {
            for (Path file : files(target)) {
                Files.delete(file);
            }
            Files.delete(target);
        }
    }

    @Test
    void theIndexAndTheNamesOfShardsAreThoseOfHuggingFace() throws IOException {
        List<StoredTensor> tensors = CheckpointContract.tensors();
        writer(tensors).writeDirectory(directory, 64);
        JsonNode index =
                new ObjectMapper()
                        .readTree(directory.resolve("model.safetensors.index.json").toFile());
        long total = tensors.stream().mapToLong(tensor -> tensor.info().byteCount()).sum();
        assertThat(index.at("/metadata/total_size").asLong()).isEqualTo(total);
        Set<String> shards = new HashSet<>();
        index.get("weight_map").forEach(name -> shards.add(name.asText()));
        assertThat(shards).hasSizeGreaterThan(1);
        for (int i = 1; i <= shards.size(); i++) {
            String name =
                    String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i, shards.size());
            assertThat(shards).contains(name);
            assertThat(Files.size(directory.resolve(name))).isPositive();
        }
        assertThat(files(directory)).hasSize(shards.size() + 1);
    }

    @Test
    void theHeaderIsPaddedToEightBytesWithSpaces() throws IOException {
        for (String name : List.of("a", "ab", "abc", "abcd", "abcde")) {
            Path file = directory.resolve(name);
            writer(List.of(CheckpointContract.tensor(new Random(1), name, ElementType.INT64, 2)))
                    .writeFile(file);
            byte[] bytes = Files.readAllBytes(file);
            long length = TorchBytes.little(8).put(bytes, 0, 8).getLong(0);
            assertThat(length % 8).isZero();
            assertThat(bytes[8]).isEqualTo((byte) '{');
            assertThat((char) bytes[(int) length + 7]).isIn(' ', '}');
        }
    }

    @Test
    void aTensorThatFailsHalfwayLeavesNothingVisible() throws IOException {
        TensorInfo info = new TensorInfo("last", ElementType.FLOAT32, new Shape(4));
        SafetensorsWriter writer =
                writer(CheckpointContract.tensors())
                        .add(
                                info,
                                () -> {
                                    throw new IllegalStateException("device lost");
                                });
        for (long shardBytes : new long[] {64, 1 << 20}) {
            assertThatThrownBy(() -> writer.writeDirectory(directory, shardBytes))
                    .hasMessage("device lost");
            assertThat(files(directory)).isEmpty();
        }
        Path file = directory.resolve("kept.safetensors");
        writer(CheckpointContract.tensors()).writeFile(file);
        byte[] before = Files.readAllBytes(file);
        assertThatThrownBy(() -> writer.writeFile(file)).hasMessage("device lost");
        assertThat(files(directory)).containsExactly(file);
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @Test
    void aTensorOtherThanAnnouncedIsRefused() throws IOException {
        StoredTensor tensor = CheckpointContract.tensor(new Random(1), "a", ElementType.INT8, 4);
        TensorInfo other = new TensorInfo("a", ElementType.INT8, new Shape(5));
        assertThatThrownBy(
                        () ->
                                new SafetensorsWriter()
                                        .add(other, () -> tensor)
                                        .writeFile(directory.resolve("a")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tensor a");
        assertThat(files(directory)).isEmpty();
    }

    @Test
    void namesThatCannotBeAreRefused() {
        StoredTensor tensor = CheckpointContract.tensor(new Random(1), "a", ElementType.INT8, 4);
        SafetensorsWriter writer = new SafetensorsWriter().add(tensor);
        assertThatThrownBy(() -> writer.add(tensor)).isInstanceOf(M3Exception.class);
        for (String name : List.of("__metadata__", "\ud800")) {
            assertThatThrownBy(
                            () ->
                                    writer.add(
                                            CheckpointContract.tensor(
                                                    new Random(1), name, ElementType.INT8, 1)))
                    .isInstanceOf(M3Exception.class);
        }
    }

    @Test
    void aDirectoryThatHoldsWeightsIsNotMixedWithNewOnes() {
        SafetensorsWriter writer = writer(CheckpointContract.tensors());
        writer.writeDirectory(directory, 1 << 20);
        assertThatThrownBy(() -> writer.writeDirectory(directory, 64))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("already");
    }

    @Test
    void throughALinkTheFileBehindItIsReplaced() throws IOException {
        Path file = Files.writeString(directory.resolve("file.safetensors"), "old");
        Path link = Files.createSymbolicLink(directory.resolve("link"), file.getFileName());
        writer(CheckpointContract.tensors()).writeFile(link);
        assertThat(link).isSymbolicLink();
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            assertThat(checkpoint.names()).isNotEmpty();
        }
    }

    @Test
    void whatIsNoPlainFileIsNotReplaced() throws IOException {
        Path dangling = Files.createSymbolicLink(directory.resolve("dangling"), Path.of("nowhere"));
        Path folder = Files.createDirectory(directory.resolve("folder"));
        List<Path> places = new ArrayList<>(List.of(dangling, folder));
        if (Files.exists(Path.of("/dev/null"))) {
            Path device = Path.of("/dev/null");
            places.add(Files.createSymbolicLink(directory.resolve("device"), device));
        }
        for (Path place : places) {
            assertThatThrownBy(() -> new SafetensorsWriter().writeFile(place))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining(place + ": expected a plain file");
            assertThat(Files.exists(place, LinkOption.NOFOLLOW_LINKS)).isTrue();
        }
        assertThat(dangling).isSymbolicLink();
        assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void aMissingDirectoryOfAFileIsAMessage() {
        Path file = directory.resolve("no/such/a.safetensors");
        assertThatThrownBy(() -> new SafetensorsWriter().writeFile(file))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("cannot be written");
    }

    @Test
    void aShardWithoutItsIndexIsNoCheckpoint() throws IOException {
        writer(CheckpointContract.tensors()).writeDirectory(directory, 64);
        for (Path file : files(directory)) {
            if (!file.toString().contains("00001-of")) {
                Files.delete(file);
            }
        }
        assertThatThrownBy(() -> Checkpoint.open(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("no checkpoint");
    }
}
