package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What stands beside the vocabulary: {@code tokenizer_config.json}, then, for what that leaves open,
 * {@code special_tokens_map.json} and {@code added_tokens.json}. Each may be missing.
 *
 * @param legacy whether transformers' legacy behaviour holds, if that is said
 * @param addPrefixSpace whether a space is put before the text (non-legacy only)
 * @param addBos whether BOS is put first, if that is said
 * @param addEos whether EOS is put last, if that is said
 * @param namedSpecials {@code bos_token}, {@code eos_token}, … to their spelling, those that are set
 * @param additionalSpecials further special tokens
 * @param added tokens by id
 * @param chatTemplate the Jinja template of a conversation, if there is one
 */
public record TokenizerSettings(
        Optional<Boolean> legacy,
        boolean addPrefixSpace,
        Optional<Boolean> addBos,
        Optional<Boolean> addEos,
        Map<String, String> namedSpecials,
        List<String> additionalSpecials,
        Map<Integer, AddedToken> added,
        Optional<String> chatTemplate) {

    /** In the order in which transformers gives ids to those that the vocabulary lacks. */
    static final List<String> SPECIAL_NAMES =
            List.of(
                    "bos_token",
                    "eos_token",
                    "unk_token",
                    "sep_token",
                    "pad_token",
                    "cls_token",
                    "mask_token");

    private static final String CONFIG = "tokenizer_config.json";

    /**
     * @param directory the directory of a tokenizer
     * @return its settings
     * @throws M3Exception if one of the three files is not what it should be
     */
    public static TokenizerSettings read(Path directory) {
        JsonSource config = JsonSource.object(directory.resolve(CONFIG));
        JsonSource map = JsonSource.object(directory.resolve("special_tokens_map.json"));
        JsonSource addedFile = JsonSource.object(directory.resolve("added_tokens.json"));

        Map<String, String> named = new LinkedHashMap<>();
        for (String name : SPECIAL_NAMES) {
            config.token(name)
                    .or(() -> config.has(name) ? Optional.empty() : map.token(name))
                    .ifPresent(token -> named.put(name, token.content()));
        }
        List<String> additional = new ArrayList<>(config.tokens("additional_special_tokens"));
        for (String token : map.tokens("additional_special_tokens")) {
            if (!additional.contains(token)) {
                additional.add(token);
            }
        }
        Map<Integer, AddedToken> added = new TreeMap<>();
        config.numbered("added_tokens_decoder", added);
        addedFile.spelled(added, token -> named.containsValue(token) || additional.contains(token));
        return new TokenizerSettings(
                config.flag("legacy"),
                config.flag("add_prefix_space").orElse(true),
                config.flag("add_bos_token"),
                config.flag("add_eos_token"),
                named,
                additional,
                added,
                chatTemplate(directory, config));
    }

    private static Optional<String> chatTemplate(Path directory, JsonSource config) {
        JsonNode template = config.node("chat_template");
        if (template.isArray()) {
            // Several by name: the one called default, else the first.
            JsonNode chosen = template.path(0);
            for (Iterator<JsonNode> all = template.elements(); all.hasNext(); ) {
                JsonNode one = all.next();
                if (one.path("name").asText("").equals("default")) {
                    chosen = one;
                }
            }
            template = chosen.path("template");
        }
        if (template.isTextual()) {
            return Optional.of(template.textValue());
        }
        Optional<String> file = JsonSource.text(directory.resolve("chat_template.jinja"));
        if (file.isPresent()) {
            return file;
        }
        JsonNode processor =
                JsonSource.object(directory.resolve("chat_template.json")).node("chat_template");
        return processor.isTextual() ? Optional.of(processor.textValue()) : Optional.empty();
    }
}
