package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which files are read, and what they may say. */
class M3TokenizerTest {

    @TempDir Path directory;

    @BeforeEach
    void copy() throws IOException {
        Files.copy(
                Golden.file("text/own_tokenizer/tokenizer.model"),
                directory.resolve("tokenizer.model"));
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(directory.resolve(name), text);
    }

    @Test
    void aDirectoryWithoutTokenizerSaysWhatWasLookedFor(@TempDir Path empty) {
        assertThatThrownBy(() -> M3Tokenizer.load(empty))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(empty.toString())
                .hasMessageContaining("tokenizer.model")
                .hasMessageContaining("tokenizer.json");
    }

    @Test
    void aDirectoryThatIsNotThereIsNotToldToLackFiles() {
        Path nowhere = directory.resolve("nowhere");
        assertThatThrownBy(() -> M3Tokenizer.load(nowhere))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(nowhere + ": expected a directory")
                .hasMessageEndingWith("found nothing");
    }

    @Test
    void aModelAloneIsEnoughAndLegacy() {
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.encode("a</s>b")).containsExactly(1, 264, 2, 265);
            assertThat(tokenizer.bosId()).isEqualTo(1);
            assertThat(tokenizer.eosId()).isEqualTo(2);
            assertThat(tokenizer.unkId()).isZero();
            assertThat(tokenizer.padId()).isEqualTo(M3Tokenizer.NO_ID);
            assertThat(tokenizer.vocabularySize()).isEqualTo(800);
            assertThat(tokenizer.chatTemplate()).isEmpty();
        }
    }

    @Test
    void theModelIsPreferredToTheJson() throws IOException {
        write("tokenizer.json", "not even JSON");
        M3Tokenizer.load(directory).close();
    }

    @Test
    void configurationOfTransformersIsHeeded() throws IOException {
        write(
                "tokenizer_config.json",
                "{\"legacy\": false, \"add_bos_token\": false, \"add_eos_token\": true,"
                        + " \"bos_token\": {\"content\": \"<s>\", \"lstrip\": false},"
                        + " \"pad_token\": \"<pad>\", \"chat_template\": \"USER: \","
                        + " \"added_tokens_decoder\": {\"800\": {\"content\": \"<image>\","
                        + " \"special\": true}, \"801\": {\"content\": \"<pad>\"}}}");
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.encode("a</s>b<image>")).containsExactly(264, 2, 738, 800, 2);
            assertThat(tokenizer.padId()).isEqualTo(801);
            assertThat(tokenizer.chatTemplate()).contains("USER: ");
            assertThat(tokenizer.encodeWithImages("a<image>b"))
                    .containsExactly(264, 2, M3Tokenizer.IMAGE_ID, 265, 2);
        }
    }

    @Test
    void addedTokensFileAndSpecialTokensMapFillTheGaps() throws IOException {
        write("added_tokens.json", "{\"<image>\": 800, \"<pad>\": 801}");
        write("special_tokens_map.json", "{\"pad_token\": {\"content\": \"<pad>\"}}");
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.encode("<image>")).containsExactly(1, 800);
            assertThat(tokenizer.padId()).isEqualTo(801);
            assertThat(tokenizer.decode(new long[] {801, 264}, true)).isEqualTo("a");
        }
    }

    @Test
    void aSpecialTokenThatTheVocabularyLacksGetsTheNextId() throws IOException {
        write("tokenizer_config.json", "{\"pad_token\": \"[PAD]\"}");
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.padId()).isEqualTo(800);
            assertThat(tokenizer.encode("[PAD]")).containsExactly(1, 800);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[1]",
                "{\"legacy\": \"yes\"}",
                "{\"add_bos_token\": 1}",
                "{\"bos_token\": 5}",
                "{\"bos_token\": {\"content\": null}}",
                "{\"bos_token\": \"\"}",
                "{\"additional_special_tokens\": \"<x>\"}",
                "{\"added_tokens_decoder\": []}",
                "{\"added_tokens_decoder\": {\"x\": \"<x>\"}}",
                "{\"added_tokens_decoder\": {\"-1\": \"<x>\"}}",
                "{\"added_tokens_decoder\": {\"99999999999\": \"<x>\"}}",
                "{\"added_tokens_decoder\": {\"1\": 2}}",
                "{\"legacy\": true"
            })
    void wrongTypesInTheConfigurationAreNamed(String text) throws IOException {
        write("tokenizer_config.json", text);
        assertThatThrownBy(() -> M3Tokenizer.load(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tokenizer_config.json");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"{\"<x>\": \"5\"}", "{\"<x>\": -1}", "{\"\": 5}", "{\"<x>\": 5000000000}"})
    void wrongAddedTokensAreNamed(String text) throws IOException {
        write("added_tokens.json", text);
        assertThatThrownBy(() -> M3Tokenizer.load(directory))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("added_tokens.json");
    }
}
