package io.m3j.llm.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.llm.tokenizer.SentencePieceModel.Piece;
import io.m3j.llm.tokenizer.SentencePieceModel.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** Normalisation, merging, and what is refused. */
class SentencePieceTest {

    private final SentencePiece own = new SentencePiece(OwnTokenizer.model());

    @Property(tries = 500)
    void decodingGivesBackTheTextUpToTheSpaceMarkAndLoneSurrogates(@ForAll("texts") String text) {
        String expected = Utf8.withoutLoneSurrogates(text).replace('\u2581', ' ');
        assertThat(own.decode(own.encode(text))).isEqualTo(expected);
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.oneOf(
                Arbitraries.strings().all().ofMaxLength(40),
                Arbitraries.strings().withChars(" \u2581a<>x0\n\ud83d\ude00\ufffd").ofMaxLength(20),
                Arbitraries.strings().ascii().ofMaxLength(60));
    }

    @Property(tries = 300)
    void mergesAsThePlainAlgorithmDoes(@ForAll long seed) {
        Random random = new Random(seed);
        ModelBytes bytes = new ModelBytes().specials();
        List<String> pieces = new ArrayList<>(List.of("\u2581", "a", "b", "c"));
        for (int i = 0; i < 12; i++) {
            String piece =
                    pieces.get(random.nextInt(pieces.size()))
                            + pieces.get(random.nextInt(pieces.size()));
            if (!pieces.contains(piece)) {
                pieces.add(piece);
            }
        }
        List<Float> scores = new ArrayList<>();
        for (String piece : pieces) {
            scores.add((float) -random.nextInt(8)); // equal scores on purpose
            bytes.piece(piece, scores.get(scores.size() - 1), Type.NORMAL);
        }
        SentencePiece encoder =
                bytes.trainer(2, false).normalizer("identity", new byte[0], false).build();
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 30; i++) {
            text.append(" abc".charAt(random.nextInt(4)));
        }
        List<Integer> expected = new ArrayList<>();
        for (String piece : plainMerging(" " + text, pieces, scores)) {
            expected.add(3 + pieces.indexOf(piece));
        }
        assertThat(encoder.encode(text.toString())).isEqualTo(expected);
    }

    private static List<String> plainMerging(String text, List<String> pieces, List<Float> scores) {
        List<String> symbols = new ArrayList<>();
        text.replace(' ', '\u2581').chars().forEach(c -> symbols.add(Character.toString(c)));
        while (true) {
            int best = -1;
            float bestScore = Float.NEGATIVE_INFINITY;
            for (int i = 0; i + 1 < symbols.size(); i++) {
                int id = pieces.indexOf(symbols.get(i) + symbols.get(i + 1));
                if (id >= 0 && scores.get(id) > bestScore) {
                    best = i;
                    bestScore = scores.get(id);
                }
            }
            if (best < 0) {
                return symbols;
            }
            symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
        }
    }

    @Test
    void userDefinedSymbolsAreNeverMerged() {
        SentencePiece encoder =
                pieces("\u2581", "a", "b", "ab", "aab").piece("aa", 0, Type.USER_DEFINED).build();
        // ids: 3 ▁, 4 a, 5 b, 6 ab, 7 aab, 8 aa
        assertThat(encoder.encode("aab")).containsExactly(3, 8, 5);
    }

    @Test
    void unusedPiecesAreTakenApartAgain() {
        SentencePiece encoder = pieces("\u2581", "a", "b").piece("ab", 0, Type.UNUSED).build();
        assertThat(encoder.encode("ab")).containsExactly(3, 4, 5);
    }

    @Test
    void aRunOfUnknownCharactersIsOneIdWithoutByteFallback() {
        SentencePiece encoder = pieces("\u2581", "a").build();
        assertThat(encoder.encode("axyza\ud83d\ude00")).containsExactly(3, 4, 0, 4, 0);
        assertThat(encoder.decode(encoder.encode("axy"))).isEqualTo("a \u2047 ");
    }

    @Test
    void extraSpacesGoWhereTheModelSaysSo() {
        SentencePiece encoder =
                new ModelBytes()
                        .specials()
                        .piece("\u2581", 0, Type.NORMAL)
                        .piece("a", 0, Type.NORMAL)
                        .trainer(2, false)
                        .normalizer("identity", new byte[0], true)
                        .build();
        assertThat(encoder.encode("  a   a  ")).containsExactly(3, 4, 3, 4);
        assertThat(encoder.encode("   ")).isEmpty();
    }

    @Test
    void aLongTextIsEncodedWhole() {
        String prose = "The quick brown fox jumps over the lazy dog. \u4f60\u597d ".repeat(10_000);
        assertThat(own.decode(own.encode(prose))).isEqualTo(prose);
        String same = "a".repeat(300_000);
        assertThat(own.decode(own.encode(same))).isEqualTo(same);
    }

    @Test
    void whatIsNotSupportedIsRefusedByName() {
        assertRefused(new ModelBytes().specials().trainer(1, false), "found Unigram");
        assertRefused(new ModelBytes().specials(), "found Unigram");
        assertRefused(
                new ModelBytes().specials().trainer(2, false).normalizer("nfkc", new byte[1], true),
                "found 'nfkc'");
        assertRefused(new ModelBytes().specials().trainer(2, true), "treat_whitespace_as_suffix");
    }

    @Test
    void brokenVocabulariesAreRefused() {
        assertRefused(new ModelBytes(), "no pieces");
        assertRefused(pieces("a", "a"), "pieces 3 and 4 are the same");
        assertRefused(pieces(""), "piece 3 is empty");
        assertRefused(pieces("a").piece("?", 0, Type.UNKNOWN), "one unknown piece, found 2");
        assertRefused(pieces("a").piece("b", Float.NaN, Type.NORMAL), "not a number");
        assertRefused(pieces("a").piece("<0x00>", 0, Type.BYTE), "expected 0 byte pieces, found 1");
        assertRefused(pieces("a").piece("x", 0, Type.BYTE), "byte piece 4");
    }

    private static ModelBytes pieces(String... texts) {
        ModelBytes bytes = new ModelBytes().trainer(2, false).specials();
        for (String text : texts) {
            bytes.piece(text, -text.length(), Type.NORMAL);
        }
        return bytes.normalizer("identity", new byte[0], false);
    }

    private static void assertRefused(ModelBytes bytes, String expected) {
        assertThatThrownBy(bytes::build)
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("test.model")
                .hasMessageContaining(expected);
    }

    @Test
    void everyByteHasItsPiece() {
        List<Integer> values = new ArrayList<>();
        for (Piece piece : OwnTokenizer.model().pieces()) {
            if (piece.type() == Type.BYTE) {
                values.add(piece.byteValue());
            }
        }
        assertThat(values).hasSize(256).doesNotHaveDuplicates();
    }
}
