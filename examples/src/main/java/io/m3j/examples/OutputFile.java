package io.m3j.examples;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** A safetensors file to be written: complete, or not at all. */
final class OutputFile {

    @Option(
            names = "--out",
            paramLabel = "FILE",
            required = true,
            description = "Safetensors file to write; a plain file of that name is replaced.")
    private Path file;

    private final SafetensorsWriter writer = new SafetensorsWriter();

    /** Refuses what could not be written, before the long work begins. */
    void check() {
        Refusals.naming("--out", "", () -> SafetensorsWriter.target(file));
    }

    /** Adds a float32 tensor that is computed when it is written, and closed then. */
    void add(String name, Shape shape, Supplier<NDArray> array) {
        TensorInfo info = new TensorInfo(name, ElementType.FLOAT32, shape);
        if (info.byteCount() > Integer.MAX_VALUE) {
            throw new M3Exception(
                    "--out "
                            + file
                            + ": tensor "
                            + name
                            + " "
                            + shape
                            + " would be "
                            + info.byteCount()
                            + " bytes, expected less than 2 GiB; shorten the prompt or choose a"
                            + " coarser scale");
        }
        writer.add(
                info,
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
