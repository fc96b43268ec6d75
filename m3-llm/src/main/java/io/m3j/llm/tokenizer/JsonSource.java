package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** One small JSON file beside a vocabulary, asked for typed values; a missing file has none. */
final class JsonSource {

    /** Many times the largest that is known (added tokens of some thousand entries). */
    private static final long MAXIMUM_BYTES = 16L << 20;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final JsonNode root;

    private JsonSource(Path file, JsonNode root) {
        this.file = file;
        this.root = root;
    }

    static JsonSource object(Path file) {
        Optional<String> text = text(file);
        if (text.isEmpty()) {
            return new JsonSource(file, MissingNode.getInstance());
        }
        try {
            JsonNode root = JSON.readTree(text.get());
            if (!root.isObject()) {
                throw new M3Exception(file + ": expected a JSON object, found " + kind(root));
            }
            return new JsonSource(file, root);
        } catch (JsonProcessingException e) {
            throw new M3Exception(file + ": not valid JSON: " + e.getOriginalMessage(), e);
        }
    }

    /** The whole file as UTF-8, if it exists. */
    static Optional<String> text(Path file) {
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            long size = Files.size(file);
            if (size > MAXIMUM_BYTES) {
                throw new M3Exception(
                        file + ": " + size + " bytes, expected at most " + MAXIMUM_BYTES);
            }
            return Optional.of(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    boolean has(String key) {
        return root.has(key);
    }

    JsonNode node(String key) {
        return root.path(key);
    }

    /** A boolean that may be absent or null. */
    Optional<Boolean> flag(String key) {
        JsonNode value = root.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return Optional.empty();
        }
        if (!value.isBoolean()) {
            throw wrong(key, "true or false", value);
        }
        return Optional.of(value.booleanValue());
    }

    /** A token, written as a string or as an object with its content, that may be absent or null. */
    Optional<AddedToken> token(String key) {
        JsonNode value = root.path(key);
        return value.isMissingNode() || value.isNull()
                ? Optional.empty()
                : Optional.of(token(key, value));
    }

    List<String> tokens(String key) {
        JsonNode value = root.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return List.of();
        }
        if (!value.isArray()) {
            throw wrong(key, "a list of tokens", value);
        }
        List<String> tokens = new ArrayList<>();
        value.forEach(token -> tokens.add(token(key, token).content()));
        return tokens;
    }

    /** Reads {@code {"32000": {"content": "<image>", …}}}. */
    void numbered(String key, Map<Integer, AddedToken> into) {
        JsonNode value = root.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return;
        }
        if (!value.isObject()) {
            throw wrong(key, "an object of tokens by id", value);
        }
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
            String name = key + "." + entry.getKey();
            // Nine digits always fit an int.
            if (!entry.getKey().matches("[0-9]{1,9}")) {
                throw new M3Exception(file + ": " + name + ": expected an id as the key");
            }
            into.put(Integer.parseInt(entry.getKey()), token(name, entry.getValue()));
        }
    }

    /** Reads {@code {"<image>": 32000}}; ids already there stay as they are. */
    void spelled(Map<Integer, AddedToken> into, Predicate<String> special) {
        if (!root.isObject()) {
            return;
        }
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            JsonNode id = entry.getValue();
            if (!id.isInt() || id.intValue() < 0 || entry.getKey().isEmpty()) {
                throw wrong(entry.getKey(), "a token and its id", id);
            }
            AddedToken token = AddedToken.plain(entry.getKey(), special.test(entry.getKey()));
            boolean known =
                    into.values().stream().anyMatch(t -> t.content().equals(entry.getKey()));
            if (!known) {
                into.putIfAbsent(id.intValue(), token);
            }
        }
    }

    private AddedToken token(String key, JsonNode value) {
        JsonNode content = value.isObject() ? value.path("content") : value;
        if (!content.isTextual() || content.textValue().isEmpty()) {
            throw wrong(key, "a token, as text or as an object with its \"content\"", value);
        }
        return new AddedToken(
                content.textValue(),
                value.path("lstrip").asBoolean(false),
                value.path("rstrip").asBoolean(false),
                value.path("single_word").asBoolean(false),
                value.path("special").asBoolean(false));
    }

    private M3Exception wrong(String key, String expected, JsonNode found) {
        String shown = found.toString();
        return new M3Exception(
                file
                        + ": "
                        + key
                        + ": expected "
                        + expected
                        + ", found "
                        + (shown.length() > 80 ? kind(found) : shown));
    }

    private static String kind(JsonNode node) {
        return node.isMissingNode()
                ? "nothing"
                : node.getNodeType().name().toLowerCase(Locale.ROOT);
    }
}
