package io.m3j.core.weights;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Named tensors on disk. Opening reads names and shapes only; {@link #get} maps or reads one tensor.
 * Safe for use by several threads.
 *
 * <p>The files must not be changed while a checkpoint of them, or a tensor got from it, is in use.
 */
public interface Checkpoint extends AutoCloseable {

    /**
     * Opens the weights of a model. What a file holds is told by its first bytes, not by its name:
     * safetensors, a PyTorch zip archive ({@code .bin}, {@code .pt}, {@code .pth}) or PyTorch's
     * format before version 1.6. In a directory the first of these is taken: {@code
     * model.safetensors.index.json}, {@code model.safetensors}, the only {@code *.safetensors},
     * {@code pytorch_model.bin.index.json}, {@code pytorch_model.bin}.
     *
     * <p>Pickles are read by an allow-list of the few classes that a weights file needs; nothing in
     * them is executed.
     *
     * @param path a file or a directory
     * @return the checkpoint, to be closed by the caller
     * @throws io.m3j.core.M3Exception if there is no checkpoint or it is broken
     */
    static Checkpoint open(Path path) {
        return CheckpointFiles.open(path);
    }

    /**
     * @return the file or directory that was opened, for messages
     */
    Path path();

    /**
     * @return the names of all tensors, in the order of the files
     */
    Set<String> names();

    /**
     * @param name a tensor's name
     * @return its type and shape
     * @throws io.m3j.core.M3Exception if there is no such tensor; the message names the nearest ones
     */
    TensorInfo info(String name);

    /**
     * @param name a tensor's name
     * @return the tensor; it stays valid after {@link #close}, and its memory, where it is not the
     *     file's, is freed with it by the garbage collector
     * @throws io.m3j.core.M3Exception if there is no such tensor or its bytes cannot be read, or
     *     are 2 GiB or more
     */
    StoredTensor get(String name);

    /**
     * @return the free text that a safetensors file carries beside its tensors, such as {@code
     *     format=pt}; empty for other formats
     */
    default Map<String, String> metadata() {
        return Map.of();
    }

    /**
     * Closes the files. Tensors already got stay valid; getting another one is an {@link
     * IllegalStateException}.
     */
    @Override
    void close();
}
