package io.m3j.llm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** What lies over SentencePiece: added tokens, streaming, ids that are none. */
class LlamaTextCodecTest {

    private static final Map<Integer, AddedToken> ADDED =
            Map.of(
                    800, AddedToken.plain("<image>", true),
                    801, AddedToken.plain("<tag>", false),
                    805, new AddedToken("<eat>", true, true, false, false));

    private final TextCodec legacy =
            new LlamaTextCodec(OwnTokenizer.model(), OwnTokenizer.settings(true, ADDED));
    private final TextCodec nonLegacy =
            new LlamaTextCodec(OwnTokenizer.model(), OwnTokenizer.settings(false, ADDED));

    @Property(tries = 1000)
    void aStreamGivesWhatTheWholeGives(
            @ForAll @Size(max = 30) List<@IntRange(max = 801) Integer> some,
            @ForAll @Size(max = 30) List<@IntRange(min = 3, max = 258) Integer> bytes) {
        for (TextCodec codec : List.of(legacy, nonLegacy)) {
            for (List<Integer> list : List.of(some, bytes)) {
                long[] ids = list.stream().mapToLong(i -> i).toArray();
                // The whole, by the path that keeps special tokens, over ids that are none.
                long[] plain =
                        list.stream().mapToLong(i -> i).filter(i -> i > 2 && i != 800).toArray();
                assertThat(OwnTokenizer.streamed(codec, ids)).isEqualTo(codec.decode(plain, false));
            }
        }
    }

    @Property(tries = 500)
    void aStreamNeverSplitsACharacter(@ForAll String text) {
        for (TextCodec codec : List.of(legacy, nonLegacy)) {
            StreamingDecoder decoder = codec.streamingDecoder();
            StringBuilder whole = new StringBuilder();
            for (long id : codec.encode(text)) {
                String piece = decoder.accept(id);
                assertThat(Utf8.withoutLoneSurrogates(piece)).isEqualTo(piece);
                whole.append(piece);
            }
            assertThat(decoder.flush()).isEmpty();
            String expected = Utf8.withoutLoneSurrogates(text).replace('\u2581', ' ');
            // Decoding drops spaces at the start, as the reference does.
            assertThat(Whitespace.stripStart(whole.toString()))
                    .isEqualTo(Whitespace.stripStart(expected));
        }
    }

    @Test
    void aCharacterComesOutWithItsLastByte() {
        StreamingDecoder decoder = legacy.streamingDecoder();
        assertThat(decoder.accept(243)).isEmpty();
        assertThat(decoder.accept(162)).isEmpty();
        assertThat(decoder.accept(155)).isEmpty();
        assertThat(decoder.accept(131)).isEqualTo("\ud83d\ude00");
        assertThat(decoder.accept(243)).isEmpty();
        assertThat(decoder.accept(724)).isEqualTo("\ufffde");
        assertThat(decoder.accept(243)).isEmpty();
        assertThat(decoder.flush()).isEqualTo("\ufffd");
    }

    @Test
    void addedTokensAreFoundBeforeAnythingElse() {
        assertThat(legacy.encode("<image><tag>")).containsExactly(1, 800, 801);
        assertThat(legacy.encodeWithoutSpecials("hello <eat> hello"))
                .containsExactly(723, 260, 325, 730, 805, 723, 260, 325, 730);
        assertThat(legacy.decode(new long[] {1, 800, 801}, false)).isEqualTo("<s> <image> <tag>");
        assertThat(legacy.decode(new long[] {1, 800, 801}, true)).isEqualTo("<tag>");
        // An empty stretch of text counts at the end, and only there.
        assertThat(legacy.decode(new long[] {801, 723}, true)).isEqualTo("<tag> ");
        assertThat(legacy.decode(new long[] {801, 723, 801}, true)).isEqualTo("<tag> <tag>");
        assertThat(legacy.vocabularySize()).isEqualTo(803);
    }

    @Test
    void idsOutsideTheVocabularyAreNamed() {
        for (long id : new long[] {-200, -1, 802, 806, 1L << 32, Long.MIN_VALUE}) {
            for (boolean skip : new boolean[] {true, false}) {
                assertThatThrownBy(() -> legacy.decode(new long[] {5, id}, skip))
                        .isInstanceOf(M3Exception.class)
                        .hasMessageContaining("id " + id)
                        .hasMessageContaining("803");
            }
        }
    }
}
