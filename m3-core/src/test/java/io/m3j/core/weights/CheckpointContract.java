package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every format of checkpoint must hold. */
abstract class CheckpointContract {

    @TempDir Path directory;

    /** Writes the tensors in the format and returns what is to be opened. */
    abstract Path write(Path directory, List<StoredTensor> tensors) throws IOException;

    /** One tensor of each type and some odd shapes, the same each time. */
    static List<StoredTensor> tensors() {
        Random random = new Random(7);
        List<StoredTensor> tensors = new ArrayList<>();
        tensors.add(tensor(random, "bytes.odd", ElementType.UINT8, 3));
        for (ElementType type : ElementType.values()) {
            tensors.add(tensor(random, "of." + type, type, 2, 3));
        }
        tensors.add(tensor(random, "scalar", ElementType.FLOAT32));
        tensors.add(tensor(random, "empty", ElementType.FLOAT32, 0, 4));
        tensors.add(tensor(random, "ünïcode.名前 with space", ElementType.FLOAT32, 1, 5, 1));
        return tensors;
    }

    static StoredTensor tensor(Random random, String name, ElementType type, long... shape) {
        int bytes = (int) new TensorInfo(name, type, new Shape(shape)).byteCount();
        byte[] data = new byte[bytes];
        random.nextBytes(data);
        return new StoredTensor(name, type, new Shape(shape), ByteBuffer.wrap(data));
    }

    private Checkpoint open() throws IOException {
        return Checkpoint.open(write(directory, tensors()));
    }

    @Test
    void everyTensorComesBackByteForByteUnderItsName() throws IOException {
        try (Checkpoint checkpoint = open()) {
            assertThat(checkpoint.names())
                    .containsExactlyElementsOf(tensors().stream().map(StoredTensor::name).toList());
            for (StoredTensor expected : tensors()) {
                assertThat(checkpoint.info(expected.name())).isEqualTo(expected.info());
                StoredTensor found = checkpoint.get(expected.name());
                assertThat(found.info()).isEqualTo(expected.info());
                assertThat(found.data()).isEqualTo(expected.data());
                assertThat(found.data().order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
                assertThat(found.data().isDirect()).isTrue();
            }
        }
    }

    @Test
    void elementsLieAtMultiplesOfTheirSizeInMemory() throws IOException {
        try (Checkpoint checkpoint = open()) {
            for (String name : checkpoint.names()) {
                StoredTensor tensor = checkpoint.get(name);
                assertThat(tensor.data().alignmentOffset(0, tensor.type().bytes()))
                        .as(name)
                        .isZero();
            }
        }
    }

    @Test
    void tensorsOutliveTheirCheckpointWhichGivesNoMore() throws IOException {
        Checkpoint checkpoint = open();
        StoredTensor tensor = checkpoint.get("of.FLOAT32");
        checkpoint.close();
        assertThat(tensor.data()).isEqualTo(tensors().get(2).data());
        assertThatThrownBy(() -> checkpoint.get("of.FLOAT32"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void aMissingTensorIsNamedWithItsNearest() throws IOException {
        try (Checkpoint checkpoint = open()) {
            assertThatThrownBy(() -> checkpoint.get("of.FLOAT33"))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("of.FLOAT33")
                    .hasMessageContaining("of.FLOAT");
            assertThatThrownBy(() -> checkpoint.info("nothing")).isInstanceOf(M3Exception.class);
        }
    }

    @Test
    void threadsReadAtTheSameTime() throws IOException {
        try (Checkpoint checkpoint = open()) {
            List<StoredTensor> expected = tensors();
            IntStream.range(0, 400)
                    .parallel()
                    .forEach(
                            i -> {
                                StoredTensor tensor = expected.get(i % expected.size());
                                assertThat(checkpoint.get(tensor.name()).data())
                                        .isEqualTo(tensor.data());
                            });
        }
    }

    @Test
    void whatIsReadCanBeWrittenAndReadAgain() throws IOException {
        try (Checkpoint checkpoint = open()) {
            SafetensorsWriter writer = new SafetensorsWriter();
            checkpoint
                    .names()
                    .forEach(name -> writer.add(checkpoint.info(name), () -> checkpoint.get(name)));
            Path copy = directory.resolve("copy.safetensors");
            writer.writeFile(copy);
            try (Checkpoint again = Checkpoint.open(copy)) {
                assertThat(again.names()).containsExactlyElementsOf(checkpoint.names());
                for (String name : again.names()) {
                    assertThat(again.get(name).data()).isEqualTo(checkpoint.get(name).data());
                }
            }
        }
    }
}
