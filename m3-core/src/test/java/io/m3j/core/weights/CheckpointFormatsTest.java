package io.m3j.core.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;

/** The contract, by each format. */
class CheckpointFormatsTest {

    @Nested
    class SafetensorsFile extends CheckpointContract {
        @Override
        Path write(Path directory, List<StoredTensor> tensors) {
            Path file = directory.resolve("weights"); // told by its content
            SafetensorsWriter writer = new SafetensorsWriter();
            tensors.forEach(writer::add);
            writer.writeFile(file);
            return file;
        }
    }

    @Nested
    class SafetensorsShards extends CheckpointContract {
        @Override
        Path write(Path directory, List<StoredTensor> tensors) {
            SafetensorsWriter writer = new SafetensorsWriter();
            tensors.forEach(writer::add);
            writer.writeDirectory(directory, 64);
            return directory;
        }
    }

    @Nested
    class StoredZip extends CheckpointContract {
        @Override
        Path write(Path directory, List<StoredTensor> tensors) throws IOException {
            return Files.write(directory.resolve("a.bin"), TorchBytes.zip(tensors, false));
        }
    }

    @Nested
    class DeflatedZip extends CheckpointContract {
        @Override
        Path write(Path directory, List<StoredTensor> tensors) throws IOException {
            return Files.write(directory.resolve("a.pth"), TorchBytes.zip(tensors, true));
        }
    }

    @Nested
    class OldTorchFormat extends CheckpointContract {
        @Override
        Path write(Path directory, List<StoredTensor> tensors) throws IOException {
            Files.write(directory.resolve("pytorch_model.bin"), TorchBytes.legacy(tensors));
            return directory;
        }
    }
}
