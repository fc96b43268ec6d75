package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.util.ByteBufferBackedInputStream;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file: eight bytes of length, then a JSON object of names, types,
 * shapes and offsets (https://huggingface.co/docs/safetensors/index#format). Everything that it
 * claims is checked here, so that the reader can trust it.
 *
 * @param entries the tensors, in the order of the header
 * @param metadata the free text of {@code __metadata__}
 * @param dataStart where in the file the bytes of the tensors begin
 */
record SafetensorsHeader(Map<String, Entry> entries, Map<String, String> metadata, long dataStart) {

    /** The bound of the format's own reader. */
    static final long MAXIMUM_LENGTH = 100_000_000;

    /** The key of the free text, which is no tensor. */
    static final String METADATA = "__metadata__";

    private static final int MAXIMUM_TENSORS = 250_000;
    private static final int MAXIMUM_DIMENSIONS = 64;

    /** Names of tensors are all different, so tables of known names would only cost memory. */
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .build();

    /**
     * One tensor.
     *
     * @param typeName the type as written, which may be one that we do not know
     * @param info null if the type is not known
     * @param begin its first byte, counted from the start of the data
     * @param end one past its last byte
     */
    record Entry(String typeName, TensorInfo info, long begin, long end) {}

    static SafetensorsHeader read(MappedFile file) {
        if (file.size() < Long.BYTES) {
            throw broken(
                    file, "a file of " + file.size() + " bytes, expected a header of at least 8");
        }
        long length = file.int64(0, "its header");
        long dataSize = file.size() - Long.BYTES - length;
        if (length < 2 || length > MAXIMUM_LENGTH || dataSize < 0) {
            throw broken(
                    file,
                    "a header of "
                            + Long.toUnsignedString(length)
                            + " bytes, expected 2 to "
                            + Math.min(MAXIMUM_LENGTH, file.size() - Long.BYTES));
        }
        ByteBuffer bytes = file.map(Long.BYTES, length, 1, "header");
        SafetensorsHeader header;
        try (Reader text =
                        new InputStreamReader(
                                new ByteBufferBackedInputStream(bytes),
                                StandardCharsets.UTF_8.newDecoder());
                JsonParser json = JSON.createParser(text)) {
            header = new Parse(file, json, dataSize).header(Long.BYTES + length);
        } catch (IOException e) {
            String reason = e.getMessage() == null ? "bytes that are not UTF-8" : e.getMessage();
            throw new M3Exception(
                    file.path() + ": its safetensors header is not valid JSON: " + reason, e);
        }
        header.checkThatTheDataIsCoveredOnce(file, dataSize);
        return header;
    }

    /** The format forbids overlaps and holes, so that no byte has two meanings or none. */
    private void checkThatTheDataIsCoveredOnce(MappedFile file, long dataSize) {
        List<Map.Entry<String, Entry>> byOffset =
                entries.entrySet().stream()
                        .sorted(
                                Comparator.comparingLong(
                                                (Map.Entry<String, Entry> entry) ->
                                                        entry.getValue().begin())
                                        .thenComparingLong(entry -> entry.getValue().end()))
                        .toList();
        long end = 0;
        for (Map.Entry<String, Entry> entry : byOffset) {
            if (entry.getValue().begin() != end) {
                throw broken(
                        file,
                        "tensor "
                                + Names.shown(entry.getKey())
                                + " at offset "
                                + entry.getValue().begin()
                                + ", expected "
                                + end
                                + " where the tensor before it ends: tensors may neither overlap"
                                + " nor leave holes");
            }
            end = entry.getValue().end();
        }
        if (end != dataSize) {
            throw broken(
                    file,
                    dataSize + " bytes of data, expected the " + end + " that its tensors claim");
        }
    }

    private static M3Exception broken(MappedFile file, String found) {
        return new M3Exception(
                file.path()
                        + ": not a valid safetensors file: "
                        + found
                        + "; fetch or save it again");
    }

    /** One pass over the JSON. */
    private record Parse(MappedFile file, JsonParser json, long dataSize) {

        SafetensorsHeader header(long dataStart) throws IOException {
            Map<String, Entry> entries = new LinkedHashMap<>();
            Map<String, String> metadata = null;
            expect(JsonToken.START_OBJECT, "the header");
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String name = json.currentName();
                if (entries.containsKey(name) || (METADATA.equals(name) && metadata != null)) {
                    throw broken(file, "the name " + Names.shown(name) + " twice");
                }
                if (METADATA.equals(name)) {
                    metadata = metadata();
                } else {
                    entries.put(name, entry(name));
                }
                if (entries.size() > MAXIMUM_TENSORS) {
                    throw broken(file, "more than " + MAXIMUM_TENSORS + " tensors");
                }
            }
            if (json.nextToken() != null) {
                throw broken(file, "text behind the end of its header's JSON");
            }
            return new SafetensorsHeader(
                    entries, metadata == null ? Map.of() : Map.copyOf(metadata), dataStart);
        }

        private Map<String, String> metadata() throws IOException {
            Map<String, String> metadata = new LinkedHashMap<>();
            expect(JsonToken.START_OBJECT, METADATA);
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                expect(JsonToken.VALUE_STRING, METADATA + " " + Names.shown(key));
                if (metadata.put(key, json.getText()) != null) {
                    throw broken(file, METADATA + " " + Names.shown(key) + " twice");
                }
            }
            return metadata;
        }

        private Entry entry(String name) throws IOException {
            String what = "tensor " + Names.shown(name);
            String type = null;
            long[] shape = null;
            long[] offsets = null;
            expect(JsonToken.START_OBJECT, what);
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                String where = what + ": " + Names.shown(key);
                boolean twice = false;
                switch (key) {
                    case "dtype" -> {
                        twice = type != null;
                        expect(JsonToken.VALUE_STRING, where);
                        type = json.getText();
                    }
                    case "shape" -> {
                        twice = shape != null;
                        shape = numbers(where);
                    }
                    case "data_offsets" -> {
                        twice = offsets != null;
                        offsets = numbers(where);
                    }
                    default -> {
                        json.nextToken();
                        json.skipChildren();
                    }
                }
                if (twice) {
                    throw broken(file, where + " twice");
                }
            }
            if (type == null || shape == null || offsets == null) {
                throw broken(file, what + " without dtype, shape or data_offsets");
            }
            return entry(name, type, shape, offsets);
        }

        private Entry entry(String name, String typeName, long[] shape, long[] offsets) {
            String what = "tensor " + Names.shown(name);
            if (offsets.length != 2
                    || offsets[0] < 0
                    || offsets[0] > offsets[1]
                    || offsets[1] > dataSize) {
                throw broken(
                        file,
                        what
                                + " at "
                                + Arrays.toString(offsets)
                                + ", expected a first and a last offset within the "
                                + dataSize
                                + " bytes of data");
            }
            if (Arrays.stream(shape).anyMatch(size -> size < 0)) {
                throw broken(file, what + " of negative shape " + Arrays.toString(shape));
            }
            ElementType type = ElementType.ofSafetensors(typeName).orElse(null);
            if (type == null) {
                return new Entry(typeName, null, offsets[0], offsets[1]);
            }
            TensorInfo info;
            try {
                info = new TensorInfo(name, type, new Shape(shape));
            } catch (M3Exception e) {
                throw new M3Exception(file.path() + ": " + e.getMessage(), e);
            }
            if (info.byteCount() != offsets[1] - offsets[0]) {
                throw broken(
                        file,
                        what
                                + ": "
                                + (offsets[1] - offsets[0])
                                + " bytes, expected "
                                + info.byteCount()
                                + " for "
                                + typeName
                                + " of shape "
                                + info.shape());
            }
            return new Entry(typeName, info, offsets[0], offsets[1]);
        }

        private long[] numbers(String what) throws IOException {
            expect(JsonToken.START_ARRAY, what);
            long[] numbers = new long[MAXIMUM_DIMENSIONS];
            int count = 0;
            while (json.nextToken() != JsonToken.END_ARRAY) {
                if (json.currentToken() != JsonToken.VALUE_NUMBER_INT
                        || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
                    throw broken(file, what + " with something else than 64-bit integers");
                }
                if (count == MAXIMUM_DIMENSIONS) {
                    throw broken(file, what + " of more than " + MAXIMUM_DIMENSIONS + " numbers");
                }
                numbers[count++] = json.getLongValue();
            }
            return Arrays.copyOf(numbers, count);
        }

        private void expect(JsonToken expected, String what) throws IOException {
            JsonToken found = json.nextToken();
            if (found != expected) {
                throw broken(
                        file,
                        what + " is " + found + " in its header's JSON, expected " + expected);
            }
        }
    }
}
