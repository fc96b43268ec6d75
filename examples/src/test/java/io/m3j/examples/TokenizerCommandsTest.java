package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tokenize} and {@code detokenize} against transformers' LlamaTokenizer. */
class TokenizerCommandsTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir private Path directory;

    private Path write(String name, String content) throws IOException {
        return Files.write(directory.resolve(name), content.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void everyGoldenTextOfAFileGetsItsIdsInOrder() throws IOException {
        List<JsonNode> golden = Golden.jsonLines("text/own_tokenizer/encode.jsonl");
        Path file = Golden.file("text/own_tokenizer/encode.jsonl");
        String[] found = lines(Run.of("tokenize", "--jsonl", file, "--json"));
        assertThat(found).hasSameSizeAs(golden);
        for (int i = 0; i < found.length; i++) {
            assertThat(JSON.readTree(found[i]).get("ids"))
                    .as("%s", golden.get(i).get("id"))
                    .isEqualTo(golden.get(i).get("hf_legacy_ids"));
        }
    }

    @Test
    void everyGoldenListOfIdsGetsItsText() throws IOException {
        List<JsonNode> golden = Golden.jsonLines("text/own_tokenizer/decode.jsonl");
        Path file = Golden.file("text/own_tokenizer/decode.jsonl");
        String[] kept = lines(Run.of("detokenize", "--jsonl", file));
        String[] skipped = lines(Run.of("detokenize", "--jsonl", file, "--skip-special-tokens"));
        assertThat(kept).hasSameSizeAs(golden);
        for (int i = 0; i < kept.length; i++) {
            JsonNode expected = golden.get(i);
            assertThat(JSON.readTree(kept[i]).get("text"))
                    .as("%s", expected.get("id"))
                    .isEqualTo(expected.get("hf_legacy_decoded"));
            assertThat(JSON.readTree(skipped[i]).get("text"))
                    .as("%s", expected.get("id"))
                    .isEqualTo(expected.get("hf_legacy_decoded_skip"));
        }
    }

    private static String[] lines(Run run) {
        assertThat(run.status()).as(run.err()).isZero();
        return run.out().split("\n");
    }

    @Test
    void oneTextGoesThereAndBack() {
        JsonNode ids = Run.of("tokenize", "--text", "a red bus", "--json").json().get("ids");
        Run plain = Run.of("tokenize", "--text", "a red bus");
        assertThat(plain.out()).isEqualTo(Ids.argument(ids) + "\n");
        Run back = Run.of("detokenize", "--ids", plain.out().strip(), "--skip-special-tokens");
        assertThat(back.out()).isEqualTo("a red bus\n");
        assertThat(Run.of("detokenize", "--ids", "1,2", "--json").json().get("text").textValue())
                .isEqualTo("<s></s>");
    }

    @Test
    void textThatLooksLikeAnOptionOrAFileIsText() {
        assertThat(Run.of("tokenize", "--text=--json").status()).isZero();
        assertThat(Run.of("tokenize", "--text", "@" + Home.model()).status()).isZero();
        assertThat(Run.of("tokenize", "--text", "").status()).isZero();
        Run quoted = Run.of("tokenize", "--text", "\"a\"");
        assertThat(Run.of("detokenize", "--ids", quoted.out().strip()).out()).contains("\"a\"");
    }

    @Test
    void aBrokenLineIsNamedAndNothingIsPrinted() throws IOException {
        Path file = write("in.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\n");
        Run run = Run.of("tokenize", "--jsonl", file);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).hasLineCount(1).contains("in.jsonl, line 3: not valid JSON");
    }

    @Test
    void lonelySurrogatesAndWrongKindsDoNotCrash() throws IOException {
        Path lonely = write("lonely.jsonl", "{\"text\":\"a\\ud800b\"}\n");
        assertThat(Run.of("tokenize", "--jsonl", lonely).json().get("ids")).isNotEmpty();
        for (String line :
                new String[] {"[]", "{\"text\":5}", "{}", "\"x\"", "{\"text\":\"a\"} {}", "null"}) {
            Run run = Run.of("tokenize", "--jsonl", write("wrong.jsonl", line));
            assertThat(run.status()).as(line).isEqualTo(1);
            assertThat(run.err()).as(line).startsWith("m3: ").contains("line 1").hasLineCount(1);
        }
        for (String line :
                new String[] {
                    "{\"ids\":[1.5]}",
                    "{\"ids\":7}",
                    "{\"ids\":[99999]}",
                    "{\"ids\":[-200]}",
                    "{\"ids\":[1e30]}",
                    "{\"ids\":[123456789012345678901]}"
                }) {
            Run run = Run.of("detokenize", "--jsonl", write("wrong.jsonl", line));
            assertThat(run.status()).as(line).isEqualTo(1);
            assertThat(run.err()).as(line).contains("line 1").hasLineCount(1);
        }
    }

    @Test
    void bytesThatAreNotUtf8AreAFailure() throws IOException {
        Path file = Files.write(directory.resolve("latin.jsonl"), new byte[] {'"', (byte) 0xE9});
        Run run = Run.of("tokenize", "--jsonl", file);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("latin.jsonl", "UTF-8");
    }
}
