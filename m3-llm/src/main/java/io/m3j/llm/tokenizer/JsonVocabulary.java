package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The tokens and ids of a {@code tokenizer.json}: {@code model.vocab}, an object for BPE and
 * WordPiece and a list for Unigram, and {@code added_tokens}. DJL gives no access to them.
 */
final class JsonVocabulary {

    /** No model has a vocabulary near it; an id beyond is damage. */
    private static final int MAXIMUM_ID = 1 << 24;

    /** A name given twice could mean one thing here and another to the native library. */
    private static final JsonFactory JSON =
            new ObjectMapper().getFactory().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

    private final Map<String, Integer> ids = new HashMap<>();
    private final Set<Integer> present = new HashSet<>();
    private final Set<Integer> byteIds = new HashSet<>();
    private final Set<Integer> specialIds = new HashSet<>();
    private final String source;
    private final JsonComponents components;

    private JsonVocabulary(String source) {
        this.source = source;
        components = new JsonComponents(source);
    }

    static JsonVocabulary parse(String json, String source) {
        JsonVocabulary vocabulary = new JsonVocabulary(source);
        try (JsonParser parser = JSON.createParser(json)) {
            vocabulary.expect(parser.nextToken(), JsonToken.START_OBJECT, "the file");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (JsonComponents.isComponent(name)) {
                    vocabulary.components.check(name, parser.readValueAsTree());
                } else if (name.equals("model") && value == JsonToken.START_OBJECT) {
                    vocabulary.readModel(parser);
                } else if (name.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                    vocabulary.readAdded(parser);
                } else {
                    parser.skipChildren();
                }
            }
            if (parser.currentToken() != JsonToken.END_OBJECT) {
                throw new M3Exception(source + ": the JSON ends in the middle; copy it anew");
            }
        } catch (JsonProcessingException e) {
            throw new M3Exception(source + ": not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new M3Exception(source + ": cannot be read: " + e.getMessage(), e);
        }
        if (vocabulary.ids.isEmpty()) {
            throw new M3Exception(
                    source + ": expected model.vocab with tokens, found none: not a tokenizer");
        }
        return vocabulary;
    }

    private void readModel(JsonParser parser) throws IOException {
        String type = "";
        String subwordPrefix = "";
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("vocab") && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String token = parser.currentName();
                    expect(parser.nextToken(), JsonToken.VALUE_NUMBER_INT, "model.vocab");
                    put(token, parser.getLongValue());
                }
            } else if (name.equals("vocab") && value == JsonToken.START_ARRAY) {
                for (long id = 0; parser.nextToken() == JsonToken.START_ARRAY; id++) {
                    expect(parser.nextToken(), JsonToken.VALUE_STRING, "model.vocab");
                    put(parser.getText(), id);
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        parser.skipChildren();
                        expectMore(parser.currentToken());
                    }
                }
            } else if (name.equals("type") && value == JsonToken.VALUE_STRING) {
                type = parser.getText();
            } else if (name.equals("continuing_subword_prefix")
                    && value == JsonToken.VALUE_STRING) {
                subwordPrefix = parser.getText();
            } else {
                parser.skipChildren();
            }
        }
        components.checkSubwordPrefix(type, subwordPrefix);
    }

    private void readAdded(JsonParser parser) throws IOException {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            long id = -1;
            String content = null;
            boolean special = false;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("id") && value == JsonToken.VALUE_NUMBER_INT) {
                    id = parser.getLongValue();
                } else if (name.equals("content") && value == JsonToken.VALUE_STRING) {
                    content = parser.getText();
                } else if (name.equals("special")) {
                    special = value == JsonToken.VALUE_TRUE;
                } else {
                    parser.skipChildren();
                }
            }
            if (content == null) {
                throw new M3Exception(source + ": added_tokens: a token has no content");
            }
            put(content, id);
            if (special) {
                specialIds.add((int) id);
            }
        }
    }

    private void put(String token, long id) {
        if (id < 0 || id > MAXIMUM_ID) {
            throw new M3Exception(
                    source + ": id " + id + " of a token, expected 0 to " + MAXIMUM_ID);
        }
        ids.put(token, (int) id);
        present.add((int) id);
        if (token.matches("<0x[0-9A-Fa-f]{2}>")) {
            byteIds.add((int) id);
        }
    }

    private void expect(JsonToken found, JsonToken expected, String place) {
        if (found != expected) {
            throw new M3Exception(
                    source + ": " + place + ": expected " + expected + ", found " + found);
        }
    }

    private void expectMore(JsonToken found) {
        if (found == null) {
            throw new M3Exception(source + ": the JSON ends in the middle; copy it anew");
        }
    }

    int size() {
        return present.size();
    }

    boolean contains(long id) {
        return id == (int) id && present.contains((int) id);
    }

    /** Whether the id stands for one byte of a character that has no token of its own. */
    boolean isByte(long id) {
        return byteIds.contains((int) id);
    }

    /** The ids that the file calls special. */
    Set<Integer> specialIds() {
        return specialIds;
    }

    /** The id of a token, or {@link TextCodec#NO_ID}. */
    long idOf(String token) {
        Integer id = token == null ? null : ids.get(token);
        return id == null ? TextCodec.NO_ID : id;
    }
}
