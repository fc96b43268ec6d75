package io.m3j.core;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A JSON object of a configuration file, read with messages that name file and key. A key with the
 * value {@code null} counts as absent, as in Hugging Face's files.
 */
public final class ConfigJson {

    /** A configuration is a few kilobytes; this bounds what a hostile one can cost. */
    private static final long MAXIMUM_BYTES = 64L << 20;

    private static final ObjectMapper MAPPER =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final String where;
    private final JsonNode node;

    private ConfigJson(String where, JsonNode node) {
        this.where = where;
        this.node = node;
    }

    /**
     * @param file a JSON file that holds one object
     * @return the object
     * @throws M3Exception if the file cannot be read or is not a JSON object
     */
    public static ConfigJson read(Path file) {
        try {
            if (Files.exists(file) && !Files.isRegularFile(file)) { // reading a pipe would hang
                throw new M3Exception(file + ": expected a regular file");
            }
            if (Files.size(file) > MAXIMUM_BYTES) {
                throw new M3Exception(
                        file + ": " + Files.size(file) + " bytes are too many for a configuration");
            }
            JsonNode node = MAPPER.readTree(Files.readAllBytes(file));
            return of(file.toString(), node);
        } catch (JsonProcessingException e) {
            throw new M3Exception(file + ": not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read: " + e, e);
        }
    }

    /**
     * @param file a JSON file that may be missing
     * @return its object, or an empty one if there is no such file
     */
    public static ConfigJson readIfPresent(Path file) {
        // One that may not be seen is not known to be missing: reading it says why.
        return Files.notExists(file)
                ? new ConfigJson(file.toString(), MAPPER.createObjectNode())
                : read(file);
    }

    /**
     * @param where names the object in messages
     * @param node a JSON object
     * @return the object
     * @throws M3Exception if it is none
     */
    public static ConfigJson of(String where, JsonNode node) {
        if (!node.isObject()) {
            throw new M3Exception(where + ": expected a JSON object, found " + node.getNodeType());
        }
        return new ConfigJson(where, node);
    }

    /**
     * @return the file, and the key of a nested object, for messages
     */
    public String where() {
        return where;
    }

    /**
     * @param key a key
     * @return whether it is there and not null
     */
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /**
     * @param key a key
     * @return the raw value, a missing node if absent
     */
    public JsonNode raw(String key) {
        return node.path(key);
    }

    /**
     * @param key a key whose value is an object
     * @return it, empty if absent
     */
    public ConfigJson object(String key) {
        if (!has(key)) {
            return new ConfigJson(where + ", " + key, MAPPER.createObjectNode());
        }
        if (!node.get(key).isObject()) {
            throw wrong(key, "an object");
        }
        return new ConfigJson(where + ", " + key, node.get(key));
    }

    /**
     * @param key a key whose value is an integer
     * @param fallback the value if absent
     * @return the value
     */
    public int integer(String key, int fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /**
     * @param key a key whose value is an integer
     * @return the value
     * @throws M3Exception if it is absent
     */
    public int integer(String key) {
        JsonNode value = require(key, "an integer");
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(key, "an integer");
        }
        return value.intValue();
    }

    /**
     * @param key a key whose value is an integer of at least 1
     * @param fallback the value if absent
     * @return the value
     */
    public int positive(String key, int fallback) {
        int value = integer(key, fallback);
        if (value < 1) {
            throw wrong(key, "a positive integer");
        }
        return value;
    }

    /**
     * @param key a key whose value is a number
     * @param fallback the value if absent
     * @return the value, finite
     */
    public double number(String key, double fallback) {
        if (!has(key)) {
            return fallback;
        }
        JsonNode value = node.get(key);
        if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw wrong(key, "a number");
        }
        return value.doubleValue();
    }

    /**
     * @param key a key whose value is true or false
     * @param fallback the value if absent
     * @return the value
     */
    public boolean flag(String key, boolean fallback) {
        if (!has(key)) {
            return fallback;
        }
        if (!node.get(key).isBoolean()) {
            throw wrong(key, "true or false");
        }
        return node.get(key).booleanValue();
    }

    /**
     * @param key a key whose value is a text
     * @return the value, empty if absent
     */
    public Optional<String> text(String key) {
        if (!has(key)) {
            return Optional.empty();
        }
        if (!node.get(key).isTextual()) {
            throw wrong(key, "a text");
        }
        return Optional.of(node.get(key).textValue());
    }

    /**
     * @param key a key whose value is an integer or a list of them
     * @return the values, none if absent
     */
    public List<Integer> integers(String key) {
        List<Integer> values = new ArrayList<>();
        if (has(key)) {
            JsonNode value = node.get(key);
            for (JsonNode each : value.isArray() ? value : List.of(value)) {
                if (!each.isIntegralNumber() || !each.canConvertToInt()) {
                    throw wrong(key, "an integer or a list of integers");
                }
                values.add(each.intValue());
            }
        }
        return values;
    }

    /**
     * @param key a key whose value is a list of numbers
     * @param fallback the values if absent
     * @return the values, finite
     */
    public List<Double> numbers(String key, List<Double> fallback) {
        if (!has(key)) {
            return fallback;
        }
        if (!node.get(key).isArray()) {
            throw wrong(key, "a list of numbers");
        }
        List<Double> values = new ArrayList<>();
        for (JsonNode each : node.get(key)) {
            if (!each.isNumber() || !Double.isFinite(each.doubleValue())) {
                throw wrong(key, "a list of numbers");
            }
            values.add(each.doubleValue());
        }
        return values;
    }

    /**
     * @param key a key whose value is a list of objects
     * @return them, none if absent
     */
    public List<ConfigJson> objects(String key) {
        List<ConfigJson> objects = new ArrayList<>();
        if (has(key)) {
            if (!node.get(key).isArray()) {
                throw wrong(key, "a list of objects");
            }
            for (JsonNode each : node.get(key)) {
                if (!each.isObject()) {
                    throw wrong(key, "a list of objects");
                }
                objects.add(new ConfigJson(where + ", " + key + " " + (objects.size() + 1), each));
            }
        }
        return objects;
    }

    /**
     * Refuses what is not known, such as a key that was mistyped and would be passed over.
     *
     * @param known all keys that this object may have
     * @return this object
     * @throws M3Exception if it has another; the message says which was probably meant
     */
    public ConfigJson only(String... known) {
        for (String key : (Iterable<String>) node::fieldNames) {
            if (!List.of(known).contains(key)) {
                String meant =
                        NearestWord.to(key, List.of(known))
                                .map(word -> "; did you mean " + word + "?")
                                .orElse("");
                throw new M3Exception(
                        where
                                + ": expected only the keys "
                                + String.join(", ", known)
                                + ", found "
                                + key
                                + meant);
            }
        }
        return this;
    }

    /**
     * @return the object itself
     */
    public JsonNode node() {
        return node;
    }

    /**
     * Runs what checks values of this object without knowing where they come from.
     *
     * @param <T> what the check returns
     * @param check such as the construction of a record
     * @return what it returned
     * @throws M3Exception that of the check, its message led by {@link #where}
     */
    public <T> T checked(Supplier<T> check) {
        try {
            return check.get();
        } catch (M3Exception e) {
            if (e.getMessage().startsWith(where)) {
                throw e;
            }
            throw new M3Exception(where + ": " + e.getMessage(), e);
        }
    }

    private JsonNode require(String key, String expected) {
        if (!has(key)) {
            throw new M3Exception(where + ": " + key + " is missing, expected " + expected);
        }
        return node.get(key);
    }

    /**
     * @param key the key at fault
     * @param expected what its value should have been
     * @return the failure, to be thrown
     */
    public M3Exception wrong(String key, String expected) {
        return new M3Exception(
                where + ": " + key + ": expected " + expected + ", found " + node.path(key));
    }
}
