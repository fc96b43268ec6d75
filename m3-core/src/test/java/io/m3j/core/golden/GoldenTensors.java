package io.m3j.core.golden;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of a trusted safetensors file, held in memory.
 *
 * <p>A second, simple reader on purpose: golden values must not pass through the reader that they
 * are there to test. The layout is that of the safetensors README: eight bytes of header length,
 * a JSON header, then the numbers, all little endian.
 */
public final class GoldenTensors {

    /**
     * Where a tensor stands.
     *
     * @param type the file's word for the element type, such as {@code F32} or {@code U8}
     * @param shape its dimensions
     * @param offset of the first byte from the start of the file
     * @param length in bytes
     */
    record Entry(String type, long[] shape, int offset, int length) {}

    private final Path file;
    private final byte[] bytes;
    private final Map<String, Entry> entries;

    private GoldenTensors(Path file, byte[] bytes) throws IOException {
        this.file = file;
        this.bytes = bytes;
        this.entries = entries(bytes);
    }

    /**
     * Reads a whole file.
     *
     * @param file a safetensors file
     * @return its tensors
     */
    public static GoldenTensors open(Path file) {
        try {
            return new GoldenTensors(file, Files.readAllBytes(file));
        } catch (IOException e) {
            throw new UncheckedIOException(file.toString(), e);
        }
    }

    /** {@return the entries of a safetensors file by name, in the header's order} */
    static Map<String, Entry> entries(byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int header = Math.toIntExact(buffer.getLong());
        int start = Long.BYTES + header;
        JsonNode root = new ObjectMapper().readTree(bytes, Long.BYTES, header);
        Map<String, Entry> entries = new LinkedHashMap<>();
        root.properties()
                .forEach(
                        field -> {
                            if (!field.getKey().equals("__metadata__")) {
                                entries.put(field.getKey(), entry(field.getValue(), start));
                            }
                        });
        return entries;
    }

    private static Entry entry(JsonNode node, int start) {
        long[] shape = new long[node.get("shape").size()];
        Arrays.setAll(shape, i -> node.get("shape").get(i).asLong());
        int begin = node.get("data_offsets").get(0).asInt();
        int end = node.get("data_offsets").get(1).asInt();
        return new Entry(node.get("dtype").asText(), shape, start + begin, end - begin);
    }

    /** {@return the names of the tensors} */
    public Set<String> names() {
        return Collections.unmodifiableSet(entries.keySet());
    }

    /**
     * A tensor's shape.
     *
     * @param name of the tensor
     * @return its dimensions, outermost first
     */
    public long[] shape(String name) {
        return find(name).shape().clone();
    }

    /**
     * A float32 tensor.
     *
     * @param name of the tensor
     * @return its elements, row-major
     */
    public float[] f32(String name) {
        Entry entry = find(name, "F32");
        float[] values = new float[entry.length() / Float.BYTES];
        ByteBuffer.wrap(bytes, entry.offset(), entry.length())
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer()
                .get(values);
        return values;
    }

    /**
     * A tensor of unsigned bytes.
     *
     * @param name of the tensor
     * @return its elements, row-major; {@code & 0xFF} makes them numbers
     */
    public byte[] u8(String name) {
        Entry entry = find(name, "U8");
        return Arrays.copyOfRange(bytes, entry.offset(), entry.offset() + entry.length());
    }

    private Entry find(String name, String type) {
        Entry entry = find(name);
        if (!entry.type().equals(type)) {
            throw new IllegalArgumentException(
                    file + ": tensor " + name + " is " + entry.type() + ", not " + type);
        }
        return entry;
    }

    private Entry find(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new IllegalArgumentException(
                    file + ": no tensor " + name + " among " + entries.keySet());
        }
        return entry;
    }
}
