package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids and labels against the {@code preprocess} of LLaVA's train.py. */
class GoldenLabelsTest {

    private static final List<JsonNode> OWN = Golden.jsonLines("text/labels/labels_own.jsonl");

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void idsAndLabelsAreThoseOfTheReference(boolean legacy, @TempDir Path directory)
            throws Exception {
        int compared = 0;
        try (M3Tokenizer tokenizer = TokenizerFiles.own(directory, legacy)) {
            for (JsonNode row : OWN) {
                if (row.get("legacy").asBoolean() != legacy) {
                    continue;
                }
                compared++;
                String name = row.get("case").asText();
                LabelMask mask = mask(row, tokenizer);
                if (row.has("error")) {
                    assertThatThrownBy(() -> apply(mask, row))
                            .as(name)
                            .isInstanceOf(M3Exception.class)
                            .hasMessageMatching("(?s).*(turn|template).*expected.*found.*");
                    continue;
                }
                List<LabelledIds> found = apply(mask, row);
                assertThat(found.stream().filter(one -> one.mismatch().isPresent()))
                        .as(name)
                        .hasSize(row.get("mismatch_warnings").asInt());
                List<long[]> ids = found.stream().map(LabelledIds::ids).toList();
                List<long[]> labels = found.stream().map(LabelledIds::labels).toList();
                assertBatch(name, row, ids, row.get("input_ids"), tokenizer.unkId());
                assertBatch(name, row, labels, row.get("labels"), Example.IGNORED);
            }
        }
        assertThat(compared).isEqualTo(OWN.size() / 2);
    }

    @Test
    void aMismatchTellsTheCountsOfTheReferenceAndTheLikelyCulprit(@TempDir Path directory)
            throws Exception {
        List<String> told = new ArrayList<>();
        try (M3Tokenizer tokenizer = TokenizerFiles.own(directory, true)) {
            for (JsonNode row : OWN) {
                String warning = row.get("stdout").asText();
                if (row.get("legacy").asBoolean() && warning.contains("mismatch")) {
                    String why = apply(mask(row, tokenizer), row).get(0).mismatch().orElseThrow();
                    String[] counts = warning.replaceAll("[^0-9]+", " ").strip().split(" ");
                    assertThat(why)
                            .contains(counts[1] + " ids expected", "found " + counts[0] + " by");
                    told.add(row.get("case").asText() + ": " + why.split("; ")[1]);
                }
            }
        }
        assertThat(told)
                .contains(
                        "mismatch_eos_in_answer: turn 2 of these has \"</s>\" in its text",
                        "mismatch_assistant_in_question: turn 1 of these has \" ASSISTANT: \" in its"
                                + " text",
                        "unk_literal_counts_as_pad: turn 1 of these has \"<unk>\" in its text",
                        "last_turn_human: the last question has no answer",
                        "empty_answer: a turn is empty");
    }

    @Test
    void picturesGoWhereTheReferencePutsThem(@TempDir Path directory) throws Exception {
        int moved = 0;
        try (M3Tokenizer tokenizer = TokenizerFiles.own(directory, true)) {
            List<JsonNode> rows = new ArrayList<>(OWN);
            rows.addAll(Golden.jsonLines("text/labels/labels_llama.jsonl"));
            for (JsonNode row : rows) {
                JsonNode expected = row.path("sources_after_preprocess_multimodal");
                for (int i = 0; i < expected.size(); i++) {
                    Conversation given = conversation(row.get("sources").get(i));
                    assertThat(mask(row, tokenizer).imagesFirst(given))
                            .as(row.get("case").asText())
                            .isEqualTo(conversation(expected.get(i)));
                    moved++;
                }
            }
        }
        assertThat(moved).isGreaterThan(20);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void labelsOfTheSmallTokenizerAreThoseOfTheReference(boolean legacy, @TempDir Path directory)
            throws Exception {
        JsonNode text = Golden.json("golden/text.json");
        Path model = Golden.file("ckpt/tokenizer/tokenizer.model");
        int compared = 0;
        try (M3Tokenizer tokenizer = TokenizerFiles.load(model, directory, legacy)) {
            for (JsonNode row : text.get("label_masks")) {
                if (row.get("tokenizer").asText().equals(legacy ? "legacy" : "nonlegacy")) {
                    LabelMask mask = mask(row, tokenizer);
                    JsonNode sample = text.get("samples").get(row.get("sample").asInt());
                    boolean hasImage = sample.toString().contains(M3Tokenizer.IMAGE_MARKER);
                    Conversation given = mask.imagesFirst(conversation(sample));
                    LabelledIds found = mask.apply(given, hasImage);
                    assertThat(found.ids()).as("" + row).isEqualTo(longs(row.get("input_ids")));
                    assertThat(found.labels()).as("" + row).isEqualTo(longs(row.get("labels")));
                    assertThat(found.mismatch()).isEmpty();
                    compared++;
                }
            }
        }
        assertThat(compared).isEqualTo(text.get("label_masks").size() / 2);
    }

    private static LabelMask mask(JsonNode row, M3Tokenizer tokenizer) {
        return new LabelMask(PromptTemplate.named(row.get("version").asText()), tokenizer);
    }

    private static List<LabelledIds> apply(LabelMask mask, JsonNode row) {
        List<LabelledIds> results = new ArrayList<>();
        boolean hasImage = row.get("has_image").asBoolean();
        for (JsonNode source : row.get("sources")) {
            Conversation given = conversation(source);
            results.add(mask.apply(hasImage ? mask.imagesFirst(given) : given, hasImage));
        }
        return results;
    }

    private static Conversation conversation(JsonNode source) {
        ObjectNode annotation = JsonNodeFactory.instance.objectNode();
        annotation.set("conversations", source);
        return Annotation.of(annotation).conversation();
    }

    /** The reference cuts texts without pictures to the model's length, and pads a batch. */
    private static void assertBatch(
            String name, JsonNode row, List<long[]> found, JsonNode expected, long padding) {
        boolean cut = !row.get("has_image").asBoolean();
        int limit = cut ? row.get("model_max_length").asInt() : Integer.MAX_VALUE;
        assertThat(found).as(name).hasSameSizeAs(expected);
        for (int i = 0; i < found.size(); i++) {
            long[] numbers = longs(expected.get(i));
            long[] one = found.get(i);
            int kept = Math.min(one.length, limit);
            long[] padded = Arrays.copyOf(one, numbers.length);
            if (kept < numbers.length) {
                assertThat(cut).as(name + " is a batch that may be padded").isTrue();
                Arrays.fill(padded, kept, numbers.length, padding);
            }
            assertThat(kept).as(name).isLessThanOrEqualTo(numbers.length);
            assertThat(padded).as(name).isEqualTo(numbers);
        }
    }

    private static long[] longs(JsonNode array) {
        LongStream.Builder values = LongStream.builder();
        array.forEach(value -> values.add(value.asLong()));
        return values.build().toArray();
    }
}
