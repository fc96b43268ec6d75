package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prompts and their ids against LLaVA's conversation.py and mm_utils.py. */
class GoldenPromptTest {

    private static final List<JsonNode> PROMPTS = Golden.jsonLines("text/prompts/prompts.jsonl");

    @Test
    void templatesAreThoseOfTheReference() {
        JsonNode expected = Golden.json("text/prompts/templates.json");
        List<String> names = new ArrayList<>();
        expected.fieldNames().forEachRemaining(names::add);
        assertThat(PromptTemplate.names()).containsExactlyElementsOf(names).hasSize(16);
        for (String name : names) {
            PromptTemplate template = PromptTemplate.named(name);
            JsonNode fields = expected.get(name);
            assertThat(template.system()).isEqualTo(fields.get("system").asText());
            assertThat(template.userRole()).isEqualTo(fields.get("roles").get(0).asText());
            assertThat(template.assistantRole()).isEqualTo(fields.get("roles").get(1).asText());
            assertThat(template.style().name()).isEqualTo(fields.get("sep_style").asText());
            assertThat(template.separator()).isEqualTo(fields.get("sep").asText());
            assertThat(template.secondSeparator()).isEqualTo(fields.get("sep2").textValue());
            assertThat(template.version()).isEqualTo(fields.get("version").asText());
            assertThat(template.examples()).hasSize(fields.get("n_example_messages").asInt());
        }
    }

    @Test
    void promptsAreThoseOfTheReference() {
        for (JsonNode row : PROMPTS) {
            PromptTemplate template = PromptTemplate.named(row.get("template").asText());
            Conversation conversation = conversation(template, row);
            if (row.has("error")) {
                assertThatThrownBy(() -> template.prompt(conversation))
                        .as(row.toString())
                        .isInstanceOf(M3Exception.class)
                        .hasMessageContaining(template.name());
            } else {
                assertThat(template.prompt(conversation))
                        .as(row.toString())
                        .isEqualTo(row.get("prompt").asText());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void idsOfPromptsWithImagesAreThoseOfTheReference(boolean legacy, @TempDir Path directory)
            throws IOException {
        Files.copy(
                Golden.file("text/own_tokenizer/tokenizer.model"),
                directory.resolve("tokenizer.model"));
        Files.writeString(
                directory.resolve("tokenizer_config.json"), "{\"legacy\": " + legacy + "}");
        String key = legacy ? "ids_own_legacy" : "ids_own_nonlegacy";
        int checked = 0;
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            for (JsonNode row : PROMPTS) {
                if (row.has(key)) {
                    assertThat(tokenizer.encodeWithImages(row.get("prompt").asText()))
                            .as(row.toString())
                            .isEqualTo(longs(row.get(key)));
                    checked++;
                }
            }
            for (JsonNode row : Golden.jsonLines("text/prompts/image_token.jsonl")) {
                assertThat(tokenizer.encodeWithImages(row.get("text").asText()))
                        .as(row.toString())
                        .isEqualTo(longs(row.get(key)));
                checked++;
            }
        }
        assertThat(checked).isGreaterThan(100);
    }

    private static Conversation conversation(PromptTemplate template, JsonNode row) {
        List<Turn> turns = new ArrayList<>();
        if (row.path("keep_example_messages").asBoolean()) {
            turns.addAll(template.examples());
        }
        for (JsonNode message : row.get("messages")) {
            Turn.Role role = Turn.Role.values()[message.get(0).asInt()];
            JsonNode text = message.get(1);
            turns.add(
                    text.isObject()
                            ? new Turn(role, text.get("tuple").asText(), true)
                            : new Turn(role, text.textValue(), false));
        }
        return new Conversation(Optional.ofNullable(row.get("system").textValue()), turns);
    }

    private static long[] longs(JsonNode array) {
        LongStream.Builder values = LongStream.builder();
        array.forEach(value -> values.add(value.asLong()));
        return values.build().toArray();
    }
}
