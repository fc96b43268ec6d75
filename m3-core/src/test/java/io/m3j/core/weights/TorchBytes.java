package io.m3j.core.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes files as PyTorch does, and pickles as only an enemy does. */
final class TorchBytes {

    private static final Map<ElementType, String> STORAGES =
            Map.of(
                    ElementType.FLOAT64, "DoubleStorage",
                    ElementType.FLOAT32, "FloatStorage",
                    ElementType.FLOAT16, "HalfStorage",
                    ElementType.BFLOAT16, "BFloat16Storage",
                    ElementType.INT64, "LongStorage",
                    ElementType.INT32, "IntStorage",
                    ElementType.INT16, "ShortStorage",
                    ElementType.INT8, "CharStorage",
                    ElementType.UINT8, "ByteStorage",
                    ElementType.BOOLEAN, "BoolStorage");

    private TorchBytes() {}

    /** A pickle by its operations. */
    static final class Pickle {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Pickle() {
            raw(0x80, 2);
        }

        Pickle raw(int... bytes) {
            for (int next : bytes) {
                out.write(next);
            }
            return this;
        }

        Pickle op(String operations) {
            out.writeBytes(operations.getBytes(StandardCharsets.ISO_8859_1));
            return this;
        }

        Pickle int32(long number) {
            out.writeBytes(little(4).putInt((int) number).array());
            return this;
        }

        Pickle text(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            op("X").int32(bytes.length).out.writeBytes(bytes);
            return this;
        }

        Pickle number(long number) {
            raw(0x8a, 8).out.writeBytes(little(8).putLong(number).array());
            return this;
        }

        Pickle numbers(long... numbers) {
            op("(");
            for (long number : numbers) {
                number(number);
            }
            return op("t");
        }

        Pickle global(String module, String name) {
            return op("c" + module + "\n" + name + "\n");
        }

        /** A tensor of the given view. */
        Pickle view(
                String storage,
                String key,
                long elements,
                long offset,
                long[] shape,
                long[] strides) {
            return global("torch._utils", "_rebuild_tensor_v2")
                    .op("((")
                    .text("storage")
                    .global("torch", storage)
                    .text(key)
                    .text("cpu")
                    .number(elements)
                    .op("tQ")
                    .number(offset)
                    .numbers(shape)
                    .numbers(strides)
                    .raw(0x89)
                    .global("collections", "OrderedDict")
                    .op(")RtR");
        }

        byte[] bytes() {
            return out.toByteArray();
        }
    }

    /** The dictionary of the tensors, each in a storage named by its number. */
    static byte[] dictionary(List<StoredTensor> tensors, boolean legacy) {
        Pickle pickle = new Pickle().op("}(");
        for (int i = 0; i < tensors.size(); i++) {
            StoredTensor tensor = tensors.get(i);
            long[] shape = tensor.shape().getShape();
            long[] strides = new long[shape.length];
            long stride = 1;
            for (int d = shape.length - 1; d >= 0; d--) {
                strides[d] = stride;
                stride *= Math.max(1, shape[d]);
            }
            int elements = tensor.data().remaining() / tensor.type().bytes();
            pickle.text(tensor.name())
                    .global("torch._utils", "_rebuild_tensor_v2")
                    .op("((")
                    .text("storage")
                    .global("torch", STORAGES.get(tensor.type()))
                    .text(String.valueOf(i))
                    .text("cpu")
                    .number(elements);
            if (legacy) {
                pickle.op("N");
            }
            pickle.op("tQ")
                    .number(0)
                    .numbers(shape)
                    .numbers(strides)
                    .raw(0x89)
                    .global("collections", "OrderedDict")
                    .op(")RtR");
        }
        return pickle.op("u.").bytes();
    }

    static byte[] zip(List<StoredTensor> tensors, boolean deflated) {
        List<byte[]> storages = new ArrayList<>();
        tensors.forEach(tensor -> storages.add(bytes(tensor)));
        return zip(dictionary(tensors, false), storages, deflated);
    }

    static byte[] zip(byte[] pickle, List<byte[]> storages, boolean deflated) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            entry(zip, "archive/data.pkl", pickle, deflated);
            for (int i = 0; i < storages.size(); i++) {
                entry(zip, "archive/data/" + i, storages.get(i), deflated);
            }
            entry(zip, "archive/version", new byte[] {'3', '\n'}, deflated);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private static void entry(ZipOutputStream zip, String name, byte[] bytes, boolean deflated)
            throws IOException {
        ZipEntry entry = new ZipEntry(name);
        if (!deflated) {
            CRC32 crc = new CRC32();
            crc.update(bytes);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(bytes.length);
            entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(bytes);
        zip.closeEntry();
    }

    static byte[] legacy(List<StoredTensor> tensors) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(LegacyTorchFile.MAGIC);
        out.writeBytes(new Pickle().op("J").int32(1001).op(".").bytes());
        out.writeBytes(new Pickle().op("}").text("little_endian").raw(0x88).op("s.").bytes());
        out.writeBytes(dictionary(tensors, true));
        Pickle keys = new Pickle().op("](");
        for (int i = 0; i < tensors.size(); i++) {
            keys.text(String.valueOf(i));
        }
        out.writeBytes(keys.op("e.").bytes());
        for (StoredTensor tensor : tensors) {
            byte[] bytes = bytes(tensor);
            out.writeBytes(little(8).putLong(bytes.length / tensor.type().bytes()).array());
            out.writeBytes(bytes);
        }
        return out.toByteArray();
    }

    static byte[] bytes(StoredTensor tensor) {
        byte[] bytes = new byte[tensor.data().remaining()];
        tensor.data().get(bytes);
        return bytes;
    }

    static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
