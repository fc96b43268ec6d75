package io.m3j.core.weights;

import java.nio.file.Path;
import java.util.Set;

/**
 * Named tensors on disk. Opening reads names and shapes only; {@link #get} maps or reads one tensor.
 * Safe for use by several threads.
 *
 * <p>The files must not be changed while a checkpoint of them, or a tensor got from it, is in use.
 */
public interface Checkpoint extends AutoCloseable {

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
     * @return the tensor; it stays valid after {@link #close}
     * @throws io.m3j.core.M3Exception if there is no such tensor or its bytes cannot be read
     */
    StoredTensor get(String name);

    /** Closes the files. Tensors already got stay valid. */
    @Override
    void close();
}
