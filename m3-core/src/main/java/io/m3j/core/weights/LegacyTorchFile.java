package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * PyTorch's format before version 1.6 (torch/serialization.py, {@code _legacy_save}): pickles of a
 * magic number, the protocol, the machine, the dictionary and the keys of the storages, then the
 * storages in the order of the keys, each a 64-bit count of elements and the elements.
 */
final class LegacyTorchFile implements TorchFile.Storages {

    /** The pickle of the magic number, protocol 2: every file of this format begins so. */
    static final byte[] MAGIC = {
        (byte) 0x80,
        2,
        (byte) 0x8a,
        0x0a,
        0x6c,
        (byte) 0xfc,
        (byte) 0x9c,
        0x46,
        (byte) 0xf9,
        0x20,
        0x6a,
        (byte) 0xa8,
        0x50,
        0x19,
        '.'
    };

    private static final BigInteger MAGIC_NUMBER = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final int PROTOCOL = 1001;

    private final MappedFile file;
    private final Map<String, Long> starts = new HashMap<>();

    private LegacyTorchFile(MappedFile file) {
        this.file = file;
    }

    static TorchFile open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            LegacyTorchFile legacy = new LegacyTorchFile(file);
            return new TorchFile(file, legacy.read(), legacy);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private Map<String, TensorView> read() {
        // Five pickles, of which the guard bounds each.
        ByteBuffer head =
                file.map(0, Math.min(file.size(), 5L * PickleGuard.MAXIMUM_BYTES), 1, "pickles");
        Object magic = load(head, "magic number", new HashMap<>());
        Object protocol = load(head, "protocol", new HashMap<>());
        if (!MAGIC_NUMBER.equals(magic) || !Integer.valueOf(PROTOCOL).equals(protocol)) {
            throw broken("expected the magic number and protocol " + PROTOCOL);
        }
        Object machine = load(head, "system", new HashMap<>());
        if (!(machine instanceof Map<?, ?> system)
                || !Boolean.TRUE.equals(system.get("little_endian"))) {
            throw broken("expected a file of a little-endian machine");
        }
        Map<String, TensorView.Storage> storages = new HashMap<>();
        Object root = load(head, "dictionary", storages);
        if (!(load(head, "keys", new HashMap<>()) instanceof List<?> keys)) {
            throw broken("expected a list of the keys of its storages");
        }
        locate(keys, storages, head.position());
        Map<String, TensorView> tensors = TorchStateDict.of(root, file.path() + ", dictionary");
        tensors.forEach(
                (name, view) -> {
                    if (!starts.containsKey(view.storage().key())) {
                        throw broken(
                                "tensor "
                                        + Names.shown(name)
                                        + " lies in storage "
                                        + Names.shown(view.storage().key())
                                        + ", which is not among its keys");
                    }
                });
        return tensors;
    }

    private Object load(ByteBuffer head, String part, Map<String, TensorView.Storage> storages) {
        return TorchUnpickler.load(head, file.path() + ", " + part, storages);
    }

    private void locate(List<?> keys, Map<String, TensorView.Storage> storages, long position) {
        long next = position;
        for (Object key : keys) {
            TensorView.Storage storage = key instanceof String ? storages.get(key) : null;
            if (storage == null) {
                throw broken("a storage that no tensor names");
            }
            String what = "storage " + Names.shown(storage.key());
            long elements = file.int64(next, what);
            next += Long.BYTES;
            if (elements != storage.elements() || storage.bytes() > file.size() - next) {
                throw broken(
                        what
                                + " of "
                                + elements
                                + " elements, where the dictionary says "
                                + storage.elements()
                                + " and "
                                + (file.size() - next)
                                + " bytes are left in the file");
            }
            if (starts.put(storage.key(), next) != null) {
                throw broken(what + " twice");
            }
            next += storage.bytes();
        }
    }

    @Override
    public ByteBuffer read(String key, long offset, long length, int alignment, String what) {
        return file.map(starts.get(key) + offset, length, alignment, what);
    }

    private M3Exception broken(String found) {
        return new M3Exception(
                file.path()
                        + ": not a valid file of PyTorch's old format: "
                        + found
                        + "; fetch or save it again");
    }
}
