package io.m3j.train.data;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.llm.Conversation;
import io.m3j.llm.Turn;
import io.m3j.llm.tokenizer.Whitespace;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One object of LLaVA's conversation JSON: {@code {"id": …, "image": …, "conversations": [{"from":
 * "human", "value": …}, {"from": "gpt", "value": …}]}}.
 *
 * @param id in messages; empty where there is none
 * @param images paths below the picture folder; none for a text alone
 * @param conversation the turns as they stand in the file
 */
record Annotation(String id, List<String> images, Conversation conversation) {

    /**
     * @param node one element of the file
     * @return what it says
     * @throws BadExample saying what is missing or wrong, not where
     */
    static Annotation of(JsonNode node) {
        if (!node.isObject()) {
            throw broken("expected an object, found " + kind(node));
        }
        JsonNode turns = node.path("conversations");
        if (!turns.isArray() || turns.isEmpty()) {
            String found = turns.isArray() ? "an empty one" : kind(turns);
            throw broken("\"conversations\": expected an array of turns, found " + found);
        }
        List<Turn> spoken = new ArrayList<>();
        for (JsonNode turn : turns) {
            spoken.add(turn(turn, spoken.size() + 1));
        }
        JsonNode id = node.path("id");
        return new Annotation(
                id.isValueNode() && !id.isNull() ? shortened(id.asText()) : "",
                images(node.path("image")),
                new Conversation(Optional.empty(), spoken));
    }

    private static Turn turn(JsonNode node, int number) {
        JsonNode from = node.path("from");
        JsonNode value = node.path("value");
        if (!value.isTextual()) {
            throw broken("turn " + number + ": \"value\": expected text, found " + kind(value));
        }
        return switch (from.asText()) {
            case "human" -> Turn.user(value.textValue());
            case "gpt" -> Turn.assistant(value.textValue());
            default ->
                    throw broken(
                            "turn "
                                    + number
                                    + ": \"from\": expected human or gpt, found "
                                    + (from.isTextual()
                                            ? '"' + shortened(from.asText()) + '"'
                                            : kind(from)));
        };
    }

    private static List<String> images(JsonNode node) {
        if (node.isMissingNode() || node.isNull()) {
            return List.of();
        }
        if (node.isTextual()) {
            return List.of(node.textValue());
        }
        List<String> files = new ArrayList<>();
        for (JsonNode file : node) {
            if (!node.isArray() || !file.isTextual()) {
                throw broken("\"image\": expected file names, found " + kind(file));
            }
            files.add(file.textValue());
        }
        if (files.isEmpty()) {
            throw broken("\"image\": expected a file name or several, found " + kind(node));
        }
        return files;
    }

    /**
     * The words of all turns, negative for a text alone: LLaVA's {@code modality_lengths}, though
     * never 0, which has no sign.
     */
    int length() {
        int words = 0;
        for (Turn turn : conversation.turns()) {
            boolean inside = false;
            for (int i = 0; i < turn.text().length(); i++) {
                boolean space = Whitespace.isSpace(turn.text().charAt(i));
                words += !space && !inside ? 1 : 0;
                inside = !space;
            }
        }
        return images.isEmpty() ? -Math.max(words, 1) : Math.max(words, 1);
    }

    private static BadExample broken(String message) {
        return new BadExample(BadExample.Reason.BROKEN_LINE, message);
    }

    /** For messages. */
    static String shortened(String text) {
        return text.length() > 200 ? text.substring(0, 200) + "…" : text;
    }

    private static String kind(JsonNode node) {
        return switch (node.getNodeType()) {
            case MISSING -> "nothing";
            case NULL -> "null";
            case ARRAY -> "an array";
            case OBJECT -> "an object";
            case STRING -> "text";
            case NUMBER -> "a number";
            case BOOLEAN -> "a boolean";
            default -> "something else";
        };
    }
}
