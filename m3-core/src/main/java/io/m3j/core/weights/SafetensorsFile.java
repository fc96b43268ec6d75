package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/** One safetensors file; each tensor is mapped when it is asked for. */
final class SafetensorsFile implements Checkpoint {

    private final MappedFile file;
    private final SafetensorsHeader header;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header) {
        this.file = file;
        this.header = header;
    }

    static SafetensorsFile open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            return new SafetensorsFile(file, SafetensorsHeader.read(file));
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(header.entries().keySet());
    }

    @Override
    public TensorInfo info(String name) {
        return known(name).info();
    }

    @Override
    public StoredTensor get(String name) {
        SafetensorsHeader.Entry entry = known(name);
        TensorInfo info = entry.info();
        return new StoredTensor(
                name,
                info.type(),
                info.shape(),
                file.map(
                        header.dataStart() + entry.begin(),
                        entry.end() - entry.begin(),
                        info.type().bytes(),
                        "tensor " + Names.shown(name)));
    }

    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public void close() {
        file.close();
    }

    private SafetensorsHeader.Entry known(String name) {
        SafetensorsHeader.Entry entry = header.entries().get(name);
        if (entry == null) {
            throw Names.notFound(path(), name, names());
        }
        if (entry.info() == null) {
            throw new M3Exception(
                    path()
                            + ": tensor "
                            + Names.shown(name)
                            + " is of type "
                            + Names.shown(entry.typeName())
                            + ", expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL;"
                            + " convert it to one of them");
        }
        return entry;
    }
}
