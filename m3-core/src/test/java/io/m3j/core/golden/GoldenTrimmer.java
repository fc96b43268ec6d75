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
import java.util.stream.IntStream;

/**
 * Leaves out most rows of the largest golden tensors.
 *
 * <p>Of {@code c0.logits.576} remain {@code c0.logits_every16.576}, rows 0, 16, 32 and so on, and
 * {@code c0.logits_last4.576}, the last four rows: the names that the golden data itself uses where
 * it keeps as little; so also at 36 and at 144 tokens. Of {@code c0.vision} and {@code c0.projected}
 * remain rows 0, 8, 16 and so on as {@code c0.vision_every8}. Of LLaVA-NeXT's tensors the rows of
 * features remain, and of the logits the last row as {@code land_640x480.logits_last.9}. The one hidden
 * state of CLIP that was kept whole has the rows that are kept of the others.
 */
final class GoldenTrimmer {

    private static final Pattern M3 = Pattern.compile("golden/m3_[AB]\\.safetensors");
    private static final Pattern NEXT = Pattern.compile("golden/next\\.safetensors");
    private static final Pattern CLIP = Pattern.compile("golden/clip\\.safetensors");
    private static final Pattern LARGE = Pattern.compile("(.*)\\.logits\\.(36|144|576)");
    private static final Pattern GRID = Pattern.compile(".*\\.(?:vision|projected)");
    private static final Pattern ROWS = Pattern.compile("batch2\\..*|.*\\.features_rows\\..*");
    private static final Pattern LAST4 = Pattern.compile("(.*)\\.logits_last4\\.(\\d+)");
    private static final int STRIDE = 16;
    private static final int GRID_STRIDE = 8;
    private static final int LAST = 4;

    /** {@code clip_positions} of m3.json. */
    private static final int[] CLIP_POSITIONS = {0, 1, 2, 24, 25, 288, 575, 576};

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
        GoldenTrimmer trimmer = new GoldenTrimmer();
        if (M3.matcher(path).matches()) {
            return trimmer.trim(content, trimmer::m3);
        } else if (NEXT.matcher(path).matches()) {
            return trimmer.trim(content, trimmer::next);
        } else if (CLIP.matcher(path).matches()) {
            return trimmer.trim(content, trimmer::clip);
        }
        return content;
    }

    /** Adds what is kept of one tensor. */
    private interface Rule {
        void apply(String name, byte[] content, GoldenTensors.Entry entry);
    }

    private void m3(String name, byte[] content, GoldenTensors.Entry entry) {
        Matcher large = LARGE.matcher(name);
        if (large.matches()) {
            String scale = large.group(2);
            int rows = Math.toIntExact(entry.shape()[0]);
            add(large.group(1) + ".logits_every16." + scale, content, entry, 0, STRIDE);
            add(large.group(1) + ".logits_last4." + scale, content, entry, rows - LAST, 1);
        } else if (GRID.matcher(name).matches()) {
            add(name + "_every8", content, entry, 0, GRID_STRIDE);
        } else {
            add(name, content, entry, 0, 1);
        }
    }

    private void next(String name, byte[] content, GoldenTensors.Entry entry) {
        Matcher last = LAST4.matcher(name);
        if (last.matches()) {
            add(last.group(1) + ".logits_last." + last.group(2), content, entry, LAST - 1, 1);
        } else if (ROWS.matcher(name).matches()) {
            add(name, content, entry, 0, 1);
        }
    }

    private void clip(String name, byte[] content, GoldenTensors.Entry entry) {
        boolean whole = name.endsWith(".hidden_m2") && entry.shape()[0] > CLIP_POSITIONS.length;
        if (whole) {
            add(name, content, entry, CLIP_POSITIONS);
        } else {
            add(name, content, entry, 0, 1);
        }
    }

    private byte[] trim(byte[] content, Rule rule) {
        try {
            Map<String, GoldenTensors.Entry> entries = GoldenTensors.entries(content);
            for (Map.Entry<String, GoldenTensors.Entry> named : entries.entrySet()) {
                if (named.getValue().shape().length == 0) {
                    throw new IOException(named.getKey() + ": a tensor without rows");
                }
                rule.apply(named.getKey(), content, named.getValue());
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
        int count = Math.max(0, (rows - first + stride - 1) / stride);
        add(name, content, entry, IntStream.range(0, count).map(i -> first + i * stride).toArray());
    }

    private void add(String name, byte[] content, GoldenTensors.Entry entry, int... kept) {
        int rowBytes = entry.length() / Math.toIntExact(entry.shape()[0]);
        int begin = data.size();
        for (int row : kept) {
            data.write(content, entry.offset() + row * rowBytes, rowBytes);
        }
        ObjectNode node = header.putObject(name).put("dtype", entry.type());
        node.putArray("shape").add(kept.length);
        for (int i = 1; i < entry.shape().length; i++) {
            node.withArray("shape").add(entry.shape()[i]);
        }
        node.putArray("data_offsets").add(begin).add(data.size());
    }
}
