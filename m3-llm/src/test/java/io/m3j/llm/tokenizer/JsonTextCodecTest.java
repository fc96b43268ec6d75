package io.m3j.llm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.UntilTurnedAway;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** tokenizer.json by way of DJL, compared with what SentencePiece gives for the same model. */
class JsonTextCodecTest {

    @TempDir Path directory;
    private Path file;

    @BeforeEach
    void write() throws IOException {
        file = directory.resolve("tokenizer.json");
        Files.writeString(file, OwnTokenizerJson.tree().toString());
    }

    @Test
    void idsAreThoseOfTheLegacyTokenizer() {
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            for (JsonNode row : OwnTokenizer.rows("encode")) {
                assertThat(tokenizer.encode(row.get("text").asText()))
                        .as(row.toString())
                        .isEqualTo(longs(row.get("hf_legacy_ids")));
            }
        }
    }

    private static long[] longs(JsonNode array) {
        LongStream.Builder values = LongStream.builder();
        array.forEach(value -> values.add(value.asLong()));
        return values.build().toArray();
    }

    @Test
    void bosIsWhereThePostProcessorPutsItOrTheConfigurationSays() throws IOException {
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.encode("hello")).startsWith(1).hasSize(5);
            assertThat(tokenizer.bosId()).isEqualTo(M3Tokenizer.NO_ID);
        }
        Files.writeString(
                directory.resolve("tokenizer_config.json"),
                "{\"add_bos_token\": false, \"add_eos_token\": true, \"bos_token\": \"<s>\","
                        + " \"eos_token\": {\"content\": \"</s>\"}, \"pad_token\": null}");
        try (M3Tokenizer tokenizer = M3Tokenizer.load(directory)) {
            assertThat(tokenizer.encode("hello")).endsWith(2).hasSize(5).doesNotContain(1);
            assertThat(tokenizer.bosId()).isEqualTo(1);
            assertThat(tokenizer.eosId()).isEqualTo(2);
            assertThat(tokenizer.padId()).isEqualTo(M3Tokenizer.NO_ID);
            assertThat(tokenizer.vocabularySize()).isEqualTo(800);
        }
    }

    @Test
    void aStreamGivesWhatTheWholeGives() {
        try (TextCodec codec = codec()) {
            for (JsonNode row : OwnTokenizer.rows("decode")) {
                check(codec, longs(row.get("ids")));
            }
            Random random = new Random(1);
            for (int i = 0; i < 300; i++) {
                // Half of them bytes, so that characters are made and broken.
                long[] ids =
                        random.ints(random.nextInt(25), 0, random.nextBoolean() ? 300 : 800)
                                .asLongStream()
                                .toArray();
                check(codec, ids);
            }
            check(codec, codec.encode("  \ud83d\ude00 caf\u00e9 \u4f60\u597d  hello \n\n"));
        }
    }

    private static void check(TextCodec codec, long[] ids) {
        assertThat(OwnTokenizer.streamed(codec, ids))
                .as(java.util.Arrays.toString(ids))
                .isEqualTo(codec.decode(ids, true));
    }

    @Test
    void oddTextsAreEncoded() {
        try (TextCodec codec = codec()) {
            assertThat(codec.decode(codec.encode("a\ud800b\0\udfff\ud83d\ude00"), true))
                    .isEqualTo("a\ufffdb\0\ufffd\ud83d\ude00");
            assertThat(codec.encodeWithoutSpecials("")).isEmpty();
            assertThat(codec.decode(new long[0], true)).isEmpty();
            String longText = "word ".repeat(20_000);
            assertThat(codec.decode(codec.encode(longText), true)).isEqualTo(longText);
        }
    }

    @Test
    void idsOutsideTheVocabularyAreNamed() {
        try (TextCodec codec = codec()) {
            for (long id : new long[] {-200, -1, 800, 1L << 40}) {
                assertThatThrownBy(() -> codec.decode(new long[] {5, id}, true))
                        .isInstanceOf(M3Exception.class)
                        .hasMessageContaining("id " + id)
                        .hasMessageContaining("800");
                assertThat(codec.streamingDecoder().accept(id))
                        .as("a padded embedding row, drawn while generating, has no text")
                        .isEmpty();
            }
        }
    }

    @Test
    void aClosedTokenizerSaysSo() {
        TextCodec codec = codec();
        codec.close();
        codec.close();
        assertThatThrownBy(() -> codec.encode("a")).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> codec.decode(new long[] {5}, true))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        String whole = Files.readString(file);
        for (String text :
                List.of(
                        "",
                        "[]",
                        "null",
                        "{}",
                        "{\"model\": 3}",
                        "{\"model\": {\"vocab\": {}}}",
                        "{\"model\": {\"vocab\": {\"a\": \"b\"}}}",
                        "{\"model\": {\"vocab\": {\"a\": -1}}}",
                        "{\"model\": {\"vocab\": {\"a\": 99999999999}}}",
                        "{\"model\": {\"vocab\": {\"a\": 0}}}",
                        "{\"model\": {\"type\": \"None\", \"vocab\": {\"a\": 0}}}",
                        "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]",
                        "{\"added_tokens\": [{\"id\": 1}]}",
                        "[".repeat(100_000),
                        whole.substring(0, whole.length() / 2),
                        whole.replace("\"BPE\"", "\"Nothing\""),
                        whole.replace("\"merges\":[", "\"merges\":[\"no such\","))) {
            Files.writeString(file, text);
            assertThatThrownBy(this::codec)
                    .as(text.length() > 100 ? text.substring(0, 100) : text)
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("tokenizer.json");
        }
    }

    @Test
    void truncatedFilesAreRefused() throws IOException {
        String whole = Files.readString(file);
        Random random = new Random(2);
        for (int i = 0; i < 60; i++) {
            Files.writeString(file, whole.substring(0, random.nextInt(whole.length())));
            assertThatThrownBy(this::codec).isInstanceOf(M3Exception.class);
        }
    }

    /** Each of these ends the JVM if the native library sees it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "normalizer|{'type':'Precompiled','precompiled_charsmap':'AAAA'}",
                "normalizer|{'type':'Sequence','normalizers':[{'type':'Precompiled'}]}",
                "pre_tokenizer|{'type':'FixedLength','length':0}",
                "pre_tokenizer|{'type':'Split','pattern':{'Regex':'(a+)+$'},'behavior':'Isolated'}",
                "decoder|{'type':'Strip','content':'o','start':3,'stop':3}",
                "post_processor|{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'z',"
                        + "'type_id':0}}],'pair':[],'special_tokens':{}}",
                "post_processor|{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B',"
                        + "'type_id':0}}],'pair':[],'special_tokens':{}}",
                "model|{'type':'BPE','continuing_subword_prefix':'###','vocab':{'a':0,'b':1,"
                        + "'ab':2},'merges':['a b']}",
                "model|{'vocab':{'a':0,'a':1},'merges':[]}",
            },
            quoteCharacter = '`')
    void partsThatWouldEndTheProcessAreRefused(String name, String part) throws IOException {
        ObjectNode root = OwnTokenizerJson.tree();
        root.remove(name);
        String rest = root.toString();
        String json = "{\"" + name + "\":" + part.replace('\'', '"') + "," + rest.substring(1);
        Files.writeString(file, json);
        assertThatThrownBy(this::codec)
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tokenizer.json");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(a+)+",
                "a*a*",
                "(a|b)*c+",
                "(a)\\1",
                "\\g<0>",
                "a+(?~b)",
                "[a",
                "\\p{",
                ")"
            })
    void patternsThatMayBacktrackAreRefused(String regex) {
        assertThat(RegexGuard.isSafe(regex)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\\s+(?!\\S)| ?\\p{L}+|[^\\]a]*", "(?i:'s|'t)", "\\d{1,3}"})
    void patternsThatCutWordsAreNot(String regex) {
        assertThat(RegexGuard.isSafe(regex)).isTrue();
    }

    @Test
    void mutatedFilesAreReadOrRefused() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            byte[] bytes = whole.clone();
            for (int j = 1 + random.nextInt(3); j > 0; j--) {
                bytes[random.nextInt(bytes.length)] = (byte) (32 + random.nextInt(95));
            }
            Files.write(file, bytes);
            try (TextCodec codec = codec()) {
                long[] ids = codec.encode("Hello w\u00f6rld\n\ud83d\ude00</s>x");
                assertThat(OwnTokenizer.streamed(codec, ids))
                        .as("seed " + seed)
                        .isEqualTo(codec.decode(ids, true));
            } catch (M3Exception e) {
                assertThat(e)
                        .as("seed " + seed)
                        .hasMessageMatching("(?s).*(tokenizer\\.json|id \\d+).*");
            }
        }
    }

    /** The library goes by the content: id 1 is then the vocabulary's, which is not special. */
    @ParameterizedTest
    @ValueSource(strings = {"added_tokens", "model"})
    void aSpecialTokenThatTheVocabularyHasUnderNoSuchNameIsTextInAStreamToo(String part)
            throws IOException {
        ObjectNode root = OwnTokenizerJson.tree();
        if (part.equals("model")) {
            ObjectNode vocabulary = (ObjectNode) root.at("/model/vocab");
            vocabulary.set("Ms>", vocabulary.remove("<s>"));
        } else {
            ((ObjectNode) root.at("/added_tokens/1")).put("content", "Ms>");
        }
        Files.writeString(file, root.toString());
        try (TextCodec codec = codec()) {
            long[] ids = codec.encode("hello");
            assertThat(ids).startsWith(1);
            assertThat(codec.decode(ids, true)).contains("s>");
            check(codec, ids);
        }
    }

    @Test
    void aByteLevelTokenizerStreamsWholeCharacters() throws IOException {
        ObjectNode root = OwnTokenizerJson.tree();
        ObjectNode model = root.putObject("model");
        model.put("type", "BPE").putArray("merges");
        ObjectNode vocabulary = model.putObject("vocab");
        // Letters of GPT-2's byte alphabet for the bytes of U+4F60 (e4 bd a0), and two plain ones.
        int id = 10;
        for (String letter : List.of("\u00e4", "\u00bd", "\u0142", "a", "\u0120")) {
            vocabulary.put(letter, id++);
        }
        root.putNull("normalizer").putNull("post_processor");
        String byteLevel =
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                        + "\"trim_offsets\":true,\"use_regex\":true}";
        com.fasterxml.jackson.databind.ObjectMapper json =
                new com.fasterxml.jackson.databind.ObjectMapper();
        root.set("pre_tokenizer", json.readTree(byteLevel));
        root.set("decoder", json.readTree(byteLevel));
        Files.writeString(file, root.toString());
        try (TextCodec codec = codec()) {
            assertThat(codec.encode("\u4f60a")).containsExactly(10, 11, 12, 13);
            StreamingDecoder decoder = codec.streamingDecoder();
            assertThat(decoder.accept(13)).isEqualTo("a");
            assertThat(decoder.accept(10)).isEmpty();
            assertThat(decoder.accept(11)).isEmpty();
            assertThat(decoder.accept(12)).isEqualTo("\u4f60");
            Random random = new Random(3);
            for (int i = 0; i < 200; i++) {
                check(codec, random.ints(random.nextInt(12), 10, 15).asLongStream().toArray());
            }
        }
    }

    /** Closing frees native memory: it has to wait for the calls that read it. */
    @Test
    @Timeout(60)
    void closingUnderRunningCallsTurnsThemAway() throws Exception {
        String text = "what is on the mat ".repeat(1500);
        for (int round = 0; round < 6; round++) {
            M3Tokenizer tokenizer = M3Tokenizer.load(directory);
            long[] ids = tokenizer.encode(text);
            List<Runnable> calls =
                    List.of(
                            () -> tokenizer.encode(text),
                            () -> tokenizer.encodeWithImages(text + "<image>" + text),
                            () -> tokenizer.decode(ids, true),
                            () -> {
                                StreamingDecoder decoder = tokenizer.streamingDecoder();
                                LongStream.of(ids).forEach(decoder::accept);
                                decoder.flush();
                            });
            UntilTurnedAway.close(calls, 15L * round, tokenizer::close);
        }
    }

    private TextCodec codec() {
        return JsonTextCodec.read(file, TokenizerSettings.read(directory));
    }
}
