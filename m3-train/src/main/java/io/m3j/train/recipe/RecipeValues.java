package io.m3j.train.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.NearestWord;
import io.m3j.core.Scale;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Kinds of values that a recipe has beside those of {@link ConfigJson}, with the message of each refusal. */
final class RecipeValues {

    private RecipeValues() {}

    /** A path, relative to the recipe's directory. */
    static Path path(ConfigJson json, String key, Path base) {
        String text =
                json.text(key)
                        .orElseThrow(
                                () ->
                                        new M3Exception(
                                                json.where()
                                                        + ": "
                                                        + key
                                                        + " is missing, expected a path"));
        try {
            return base.resolve(text).normalize();
        } catch (InvalidPathException e) {
            throw json.wrong(key, "a path");
        }
    }

    /** As {@link #path}; empty if the key is not there. */
    static Optional<Path> optionalPath(ConfigJson json, String key, Path base) {
        return json.has(key) ? Optional.of(path(json, key, base)) : Optional.empty();
    }

    /** A key that is a scale. */
    static Scale scale(ConfigJson json, String key) {
        try {
            return Scale.of(Integer.parseInt(key));
        } catch (NumberFormatException e) {
            throw new M3Exception(
                    json.where() + ": expected scales such as 36 as keys, found " + key, e);
        }
    }

    static List<Scale> scales(ConfigJson json) {
        return json.checked(() -> json.integers("scales").stream().map(Scale::of).toList());
    }

    static double positive(ConfigJson json, String key) {
        double value = json.number(key, Double.NaN);
        if (!(value > 0)) {
            throw json.has(key)
                    ? json.wrong(key, "a number above 0")
                    : new M3Exception(
                            json.where() + ": " + key + " is missing, expected a number above 0");
        }
        return value;
    }

    static long whole(ConfigJson json, String key, long fallback) {
        JsonNode value = json.raw(key);
        if (!json.has(key)) {
            return fallback;
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw json.wrong(key, "an integer");
        }
        return value.longValue();
    }

    /** A text or a list of them; none if absent. */
    static List<String> texts(ConfigJson json, String key) {
        List<String> texts = new ArrayList<>();
        if (json.has(key)) {
            JsonNode value = json.raw(key);
            for (JsonNode each : value.isArray() ? value : List.of(value)) {
                if (!each.isTextual()) {
                    throw json.wrong(key, "a text or a list of texts");
                }
                texts.add(each.textValue());
            }
        }
        return texts;
    }

    /** One of an enum's words, written small. */
    static <E extends Enum<E>> E word(ConfigJson json, String key, E fallback, E[] all) {
        return json.text(key).map(text -> known(json, key, text, all)).orElse(fallback);
    }

    /** The one that a text means; the refusal says which was probably meant. */
    static <E extends Enum<E>> E known(ConfigJson json, String key, String text, E[] all) {
        for (E each : all) {
            if (word(each).equals(text)) {
                return each;
            }
        }
        List<String> words = List.of(words(all));
        throw new M3Exception(
                json.where()
                        + ": "
                        + key
                        + ": expected "
                        + String.join(" or ", words)
                        + ", found "
                        + text
                        + NearestWord.to(text, words)
                                .map(word -> "; did you mean " + word + "?")
                                .orElse(""));
    }

    static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    static String[] words(Enum<?>[] values) {
        return Arrays.stream(values).map(RecipeValues::word).toArray(String[]::new);
    }
}
