package io.m3j.llm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids and texts against SentencePiece's and transformers' own. */
class GoldenTokenizerTest {

    @Test
    void encodesAndDecodesAsSentencePiece() {
        SentencePiece pieces = new SentencePiece(OwnTokenizer.model());
        for (JsonNode row : OwnTokenizer.rows("encode")) {
            String text = row.get("text").asText();
            List<Integer> expected = integers(row.get("sp_ids"));
            assertThat(pieces.encode(text)).as(row.toString()).isEqualTo(expected);
            assertThat(pieces.decode(expected))
                    .as(row.toString())
                    .isEqualTo(row.get("sp_decoded").asText());
        }
        for (JsonNode row : OwnTokenizer.rows("decode")) {
            assertThat(pieces.decode(integers(row.get("ids"))))
                    .as(row.toString())
                    .isEqualTo(row.get("sp_decoded").asText());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void encodesAndDecodesAsTransformers(boolean legacy) {
        TextCodec codec = OwnTokenizer.codec(legacy);
        String prefix = legacy ? "hf_legacy" : "hf_nonlegacy";
        for (JsonNode row : OwnTokenizer.rows("encode")) {
            long[] expected = longs(row.get(prefix + "_ids"));
            assertThat(codec.encode(row.get("text").asText()))
                    .as(row.toString())
                    .isEqualTo(expected);
            assertThat(codec.encodeWithoutSpecials(row.get("text").asText()))
                    .isEqualTo(Arrays.copyOfRange(expected, 1, expected.length));
            checkDecoded(codec, expected, row, prefix);
        }
        for (JsonNode row : OwnTokenizer.rows("decode")) {
            checkDecoded(codec, longs(row.get("ids")), row, prefix);
        }
    }

    private static void checkDecoded(TextCodec codec, long[] ids, JsonNode row, String prefix) {
        assertThat(codec.decode(ids, false))
                .as(row.toString())
                .isEqualTo(row.get(prefix + "_decoded").asText());
        String skipped = row.get(prefix + "_decoded_skip").asText();
        assertThat(codec.decode(ids, true)).as(row.toString()).isEqualTo(skipped);
        assertThat(OwnTokenizer.streamed(codec, ids)).as(row.toString()).isEqualTo(skipped);
    }

    @Test
    void theGoldenFilesAreNotEmpty() {
        assertThat(OwnTokenizer.rows("encode")).hasSizeGreaterThan(200);
        assertThat(OwnTokenizer.rows("decode")).hasSizeGreaterThan(100);
        assertThat(Golden.file("text/own_tokenizer/tokenizer.model")).exists();
    }

    private static long[] longs(JsonNode array) {
        LongStream.Builder values = LongStream.builder();
        array.forEach(value -> values.add(value.asLong()));
        return values.build().toArray();
    }

    private static List<Integer> integers(JsonNode array) {
        return Arrays.stream(longs(array)).mapToObj(v -> (int) v).collect(Collectors.toList());
    }
}
