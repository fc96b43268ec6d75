package io.m3j.examples;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** A safetensors file to be written: complete, or not at all. */
final class OutputFile {

    @Option(
            names = "--out",
            paramLabel = "FILE",
            required = true,
            description = "Safetensors file to write; a file of that name is replaced.")
    private Path file;

    private final SafetensorsWriter writer = new SafetensorsWriter();

    /** Refuses what could not be written, before the long work begins. */
    void check() {
        Path parent = file.toAbsolutePath().getParent();
        if (parent == null || Files.isDirectory(file)) {
            throw new M3Exception("--out " + file + ": expected a file, found a directory");
        }
        if (!Files.isDirectory(parent)) {
            throw new M3Exception("--out " + file + ": there is no directory " + parent);
        }
    }

    /** Adds a float32 tensor that is computed when it is written, and closed then. */
    void add(String name, Shape shape, Supplier<NDArray> array) {
        writer.add(
                new TensorInfo(name, ElementType.FLOAT32, shape),
                () -> {
                    try (NDArray computed = array.get()) {
                        return new StoredTensor(
                                name,
                                ElementType.FLOAT32,
                                computed.getShape(),
                                computed.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN));
                    }
                });
    }

    void write() {
        writer.writeFile(file);
    }
}
