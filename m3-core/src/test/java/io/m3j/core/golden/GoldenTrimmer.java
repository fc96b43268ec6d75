package io.m3j.core.golden;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Leaves out most rows of the largest golden tensors, the logits of a whole sequence at 144 and at
 * 576 tokens.
 *
 * <p>Of {@code c0.logits.576} remain {@code c0.logits_every16.576}, rows 0, 16, 32 and so on, and
 * {@code c0.logits_last4.576}, the last four rows: the names that the golden data itself uses where
 * it keeps as little.
 */
final class GoldenTrimmer {

    private static final Pattern FILES = Pattern.compile("golden/m3_[AB]\\.safetensors");
    private static final Pattern LARGE = Pattern.compile("(.*)\\.logits\\.(144|576)");
    private static final int STRIDE = 16;
    private static final int LAST = 4;

    private final ObjectNode header = new ObjectMapper().createObjectNode();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    private GoldenTrimmer() {}

    /**
     * Trims a file.
     *
     * @param path of the file below the golden directory
     * @param content of the file
     * @return the content to be packed: the same for all but the files with the large tensors
     */
    static byte[] trim(String path, byte[] content) {
        return FILES.matcher(path).matches() ? new GoldenTrimmer().trim(content) : content;
    }

    private byte[] trim(byte[] content) {
        try {
            Map<String, GoldenTensors.Entry> entries = GoldenTensors.entries(content);
            for (Map.Entry<String, GoldenTensors.Entry> named : entries.entrySet()) {
                GoldenTensors.Entry entry = named.getValue();
                Matcher large = LARGE.matcher(named.getKey());
                if (large.matches()) {
                    String scale = large.group(2);
                    int rows = Math.toIntExact(entry.shape()[0]);
                    add(large.group(1) + ".logits_every16." + scale, content, entry, 0, STRIDE);
                    add(large.group(1) + ".logits_last4." + scale, content, entry, rows - LAST, 1);
                } else if (entry.shape().length == 0) {
                    throw new IOException(named.getKey() + ": a tensor without rows");
                } else {
                    add(named.getKey(), content, entry, 0, 1);
                }
            }
            byte[] json = new ObjectMapper().writeValueAsBytes(header);
            return ByteBuffer.allocate(Long.BYTES + json.length + data.size())
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(json.length)
                    .put(json)
                    .put(data.toByteArray())
                    .array();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void add(
            String name, byte[] content, GoldenTensors.Entry entry, int first, int stride) {
        int rows = Math.toIntExact(entry.shape()[0]);
        int rowBytes = entry.length() / rows;
        int begin = data.size();
        int kept = 0;
        for (int row = first; row < rows; row += stride, kept++) {
            data.write(content, entry.offset() + row * rowBytes, rowBytes);
        }
        ObjectNode node = header.putObject(name).put("dtype", entry.type());
        node.putArray("shape").add(kept);
        for (int i = 1; i < entry.shape().length; i++) {
            node.withArray("shape").add(entry.shape()[i]);
        }
        node.putArray("data_offsets").add(begin).add(data.size());
    }
}
