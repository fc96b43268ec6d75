package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import java.util.Map;
import java.util.Set;

/**
 * Checks the parts of a {@code tokenizer.json} before the native library sees them: some settings
 * make it panic (tokenizers 0.21), and a panic there ends the JVM. Only kinds of parts that are known
 * not to are let through.
 */
final class JsonComponents {

    private static final Map<String, Set<String>> KNOWN =
            Map.of(
                    "normalizer",
                    Set.of(
                            "Sequence",
                            "Prepend",
                            "Replace",
                            "NFC",
                            "NFD",
                            "NFKC",
                            "NFKD",
                            "Lowercase",
                            "Strip",
                            "StripAccents",
                            "BertNormalizer"),
                    "pre_tokenizer",
                    Set.of(
                            "Sequence",
                            "ByteLevel",
                            "Metaspace",
                            "Split",
                            "Digits",
                            "Punctuation",
                            "Whitespace",
                            "WhitespaceSplit",
                            "BertPreTokenizer"),
                    "post_processor",
                    Set.of(
                            "Sequence",
                            "ByteLevel",
                            "TemplateProcessing",
                            "RobertaProcessing",
                            "BertProcessing"),
                    "decoder",
                    Set.of(
                            "Sequence",
                            "Replace",
                            "ByteFallback",
                            "Fuse",
                            "Strip",
                            "ByteLevel",
                            "Metaspace",
                            "WordPiece",
                            "BPEDecoder"));

    private static final Map<String, String> PARTS_OF_SEQUENCE =
            Map.of(
                    "normalizer", "normalizers",
                    "pre_tokenizer", "pretokenizers",
                    "post_processor", "processors",
                    "decoder", "decoders");

    private final String source;

    JsonComponents(String source) {
        this.source = source;
    }

    static boolean isComponent(String name) {
        return KNOWN.containsKey(name);
    }

    void check(String name, JsonNode part) {
        if (part.isNull()) {
            return;
        }
        String type = part.path("type").asText("");
        if (!KNOWN.get(name).contains(type)) {
            throw refused(
                    name,
                    "one of " + String.join(", ", KNOWN.get(name).stream().sorted().toList()),
                    "'" + type + "'");
        }
        String regex = part.path("pattern").path("Regex").asText("");
        if (!RegexGuard.isSafe(regex)) {
            throw refused(name, "a pattern that cannot backtrack without end", "'" + regex + "'");
        }
        switch (type) {
            case "Sequence" ->
                    part.path(PARTS_OF_SEQUENCE.get(name)).forEach(inner -> check(name, inner));
            case "Strip" -> {
                if (part.path("start").asLong() != 0 && part.path("stop").asLong() != 0) {
                    throw refused(name, "Strip at one end", "at both");
                }
            }
            case "TemplateProcessing" -> checkTemplate(name, part);
            default -> {}
        }
    }

    private void checkTemplate(String name, JsonNode template) {
        for (JsonNode piece : template.path("single")) {
            JsonNode token = piece.path("SpecialToken").path("id");
            if (!token.isMissingNode()
                    && !template.path("special_tokens").path(token.asText()).isObject()) {
                throw refused(name, "only tokens of special_tokens", token.toString());
            }
            JsonNode sequence = piece.path("Sequence").path("id");
            if (!sequence.isMissingNode() && !sequence.asText().equals("A")) {
                throw refused(name, "sequence A alone in 'single'", sequence.toString());
            }
            if (piece.isTextual()) {
                throw refused(name, "pieces as objects", piece.toString());
            }
        }
    }

    void checkSubwordPrefix(String modelType, String prefix) {
        if (!modelType.equals("WordPiece") && !prefix.isEmpty()) {
            throw refused("model", "no continuing_subword_prefix", "'" + prefix + "'");
        }
    }

    private M3Exception refused(String name, String expected, String found) {
        return new M3Exception(
                source
                        + ": "
                        + name
                        + ": expected "
                        + expected
                        + ", found "
                        + found
                        + "; the library cannot be trusted with it");
    }
}
