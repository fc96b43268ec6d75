package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.apache.commons.compress.archivers.zip.ZipMethod;

/**
 * PyTorch's zip archive, since version 1.6: {@code NAME/data.pkl} with the dictionary and {@code
 * NAME/data/KEY} for each storage. Stored entries are mapped; deflated ones, which PyTorch itself
 * does not write, are inflated when asked for.
 */
final class TorchZipFile implements TorchFile.Storages {

    private static final String PICKLE = "data.pkl";
    private static final int MAXIMUM_ENTRIES = 250_000;

    /** Deflate makes of one byte no more than this many (zlib, "Maximum Compression Factor"). */
    private static final long MAXIMUM_INFLATION = 1032;

    private final MappedFile file;
    private final Map<String, Entry> entries;
    private final String folder;

    /** Where an entry lies: the few fields that are needed, checked against the file. */
    private record Entry(long offset, long compressed, long size, boolean deflated, long crc) {}

    private TorchZipFile(MappedFile file, Map<String, Entry> entries) {
        this.file = file;
        this.entries = entries;
        String pickle =
                entries.keySet().stream()
                        .filter(name -> name.equals(PICKLE) || name.endsWith("/" + PICKLE))
                        .min((a, b) -> Integer.compare(a.length(), b.length()))
                        .orElseThrow(
                                () ->
                                        new M3Exception(
                                                file.path()
                                                        + ": a zip archive without "
                                                        + PICKLE
                                                        + ", so not one of PyTorch's weights"));
        this.folder = pickle.substring(0, pickle.length() - PICKLE.length());
    }

    static TorchFile open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            TorchZipFile zip = new TorchZipFile(file, entries(file));
            zip.checkByteOrder();
            String where = path + ", entry " + Names.shown(zip.folder + PICKLE);
            Map<String, TensorView> tensors =
                    TorchStateDict.of(
                            TorchUnpickler.load(zip.pickle(where), where, new HashMap<>()), where);
            tensors.forEach((name, view) -> zip.checkStorage(name, view.storage()));
            return new TorchFile(file, tensors, zip);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static Map<String, Entry> entries(MappedFile file) {
        Map<String, Entry> entries = new HashMap<>();
        try (ZipFile zip = ZipFile.builder().setPath(file.path()).get()) {
            for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
                if (entries.size() == MAXIMUM_ENTRIES) {
                    throw new M3Exception(
                            file.path() + ": a zip archive of more than 250000 entries, refused");
                }
                if (entries.put(entry.getName(), entry(file, entry)) != null) {
                    throw broken(file, entry.getName(), "found twice", null);
                }
            }
        } catch (IOException | IllegalArgumentException e) {
            throw new M3Exception(
                    file.path()
                            + ": not a readable zip archive: "
                            + (e.getCause() == null ? e : e.getCause()).getMessage()
                            + "; it is truncated or damaged, fetch it again",
                    e);
        } catch (M3Exception e) {
            throw e;
        } catch (RuntimeException e) {
            throw new M3Exception(file.path() + ": a damaged zip archive; fetch it again", e);
        }
        return entries;
    }

    private static Entry entry(MappedFile file, ZipArchiveEntry entry) {
        boolean deflated = entry.getMethod() == ZipMethod.DEFLATED.getCode();
        if (!deflated && entry.getMethod() != ZipMethod.STORED.getCode()
                || entry.getGeneralPurposeBit().usesEncryption()) {
            throw broken(file, entry.getName(), "encrypted or neither stored nor deflated", null);
        }
        long size = entry.getSize();
        long compressed = entry.getCompressedSize();
        long offset = entry.getDataOffset();
        if (size < 0
                || compressed < 0
                || offset < 0
                || offset > file.size() - compressed
                || (deflated ? size / MAXIMUM_INFLATION > compressed : size != compressed)) {
            throw broken(
                    file,
                    entry.getName(),
                    "claims "
                            + size
                            + " bytes from "
                            + compressed
                            + " at "
                            + offset
                            + " of a file of "
                            + file.size(),
                    null);
        }
        return new Entry(offset, compressed, size, deflated, entry.getCrc());
    }

    private void checkByteOrder() {
        Entry entry = entries.get(folder + "byteorder");
        if (entry == null) {
            return; // before PyTorch 2.1, which wrote the order of the machine: little in practice
        }
        String what = "entry byteorder";
        String order =
                entry.size() > 16
                        ? "something long"
                        : StandardCharsets.US_ASCII.decode(whole(entry, what)).toString();
        if (!"little".equals(order)) {
            throw new M3Exception(
                    file.path()
                            + ": byte order "
                            + Names.shown(order)
                            + ", expected little; save it as safetensors");
        }
    }

    private ByteBuffer pickle(String where) {
        Entry entry = entries.get(folder + PICKLE);
        if (entry.size() > PickleGuard.MAXIMUM_BYTES) {
            throw new M3Exception(
                    where
                            + ": "
                            + entry.size()
                            + " bytes, expected at most "
                            + PickleGuard.MAXIMUM_BYTES);
        }
        ByteBuffer pickle = whole(entry, "its pickle");
        CRC32 crc = new CRC32();
        crc.update(pickle.duplicate());
        if (crc.getValue() != entry.crc()) {
            throw new M3Exception(where + ": its checksum is wrong; fetch or save it again");
        }
        return pickle;
    }

    private void checkStorage(String tensor, TensorView.Storage storage) {
        Entry entry = entries.get(folder + "data/" + storage.key());
        if (entry == null || entry.size() != storage.bytes() || storage.start() != 0) {
            throw new M3Exception(
                    file.path()
                            + ": tensor "
                            + Names.shown(tensor)
                            + ": expected "
                            + storage.bytes()
                            + " bytes in entry "
                            + Names.shown(folder + "data/" + storage.key())
                            + ", found "
                            + (entry == null ? "no such entry" : entry.size())
                            + "; the file is damaged, fetch or save it again");
        }
    }

    @Override
    public ByteBuffer read(String key, long offset, long length, int alignment, String what) {
        Entry entry = entries.get(folder + "data/" + key);
        if (!entry.deflated()) {
            return file.map(entry.offset() + offset, length, alignment, what);
        }
        ByteBuffer piece = whole(entry, what).slice((int) offset, (int) length);
        return MappedFile.allocate(length, file.path(), what).put(piece).flip();
    }

    private ByteBuffer whole(Entry entry, String what) {
        ByteBuffer stored = file.map(entry.offset(), entry.compressed(), 1, what);
        return entry.deflated() ? inflate(stored, entry, what) : stored;
    }

    private ByteBuffer inflate(ByteBuffer stored, Entry entry, String what) {
        ByteBuffer inflated = MappedFile.allocate(entry.size(), file.path(), what);
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(stored);
            int step = 1;
            while (inflated.hasRemaining() && step > 0) {
                step = inflater.inflate(inflated);
            }
        } catch (DataFormatException e) {
            throw broken(file, what, "cannot be inflated", e);
        } finally {
            inflater.end();
        }
        CRC32 crc = new CRC32();
        crc.update(inflated.flip().duplicate());
        if (inflated.limit() != entry.size() || crc.getValue() != entry.crc()) {
            throw broken(file, what, "its length or checksum is wrong", null);
        }
        return inflated;
    }

    private static M3Exception broken(MappedFile file, String what, String found, Throwable cause) {
        return new M3Exception(
                file.path()
                        + ": zip entry "
                        + Names.shown(what)
                        + ": "
                        + found
                        + "; the file is damaged, fetch or save it again",
                cause);
    }
}
