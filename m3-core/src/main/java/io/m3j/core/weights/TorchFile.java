package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/** A file of PyTorch's, of either format: views of storages. */
final class TorchFile implements Checkpoint {

    /** Where the storages of a file lie. */
    interface Storages {

        /**
         * @param key the storage's name
         * @param offset bytes of it before the piece
         * @param length bytes of the piece
         * @param alignment bytes of one element
         * @param what the piece, for messages
         * @return the piece, little-endian, from 0
         */
        ByteBuffer read(String key, long offset, long length, int alignment, String what);
    }

    private final MappedFile file;
    private final Map<String, TensorView> tensors;
    private final Storages storages;

    TorchFile(MappedFile file, Map<String, TensorView> tensors, Storages storages) {
        this.file = file;
        this.tensors = tensors;
        this.storages = storages;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        TensorView view = known(name);
        return new TensorInfo(name, view.type(), new Shape(view.shape()));
    }

    @Override
    public StoredTensor get(String name) {
        TensorView view = known(name);
        TensorInfo info = info(name);
        String what = "tensor " + Names.shown(name);
        int elementBytes = view.type().bytes();
        ByteBuffer span =
                storages.read(
                        view.storage().key(),
                        view.storage().start() + view.offset() * elementBytes,
                        view.span() * elementBytes,
                        elementBytes,
                        what);
        if (view.contiguous()) {
            return new StoredTensor(name, info.type(), info.shape(), span);
        }
        ByteBuffer rows = MappedFile.allocate(info.byteCount(), path(), what);
        StridedCopy.copy(span, rows, elementBytes, view.shape(), view.strides());
        return new StoredTensor(name, info.type(), info.shape(), rows);
    }

    @Override
    public void close() {
        file.close();
    }

    private TensorView known(String name) {
        TensorView view = tensors.get(name);
        if (view == null) {
            throw Names.notFound(path(), name, names());
        }
        return view;
    }
}
