package io.m3j.llm.tokenizer;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Damaged tokenizer.model files are either read or refused, never worse. */
class TokenizerFuzzTest {

    private static final byte[] WHOLE = own();

    @Property(tries = 400)
    void truncatedModels(@ForAll("places") int length) {
        readOrRefused(Arrays.copyOf(WHOLE, length));
    }

    @Property(tries = 1000)
    void mutatedModels(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] bytes = WHOLE.clone();
        for (int i = 1 + random.nextInt(8); i > 0; i--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        readOrRefused(bytes);
    }

    @Property(tries = 500)
    void arbitraryBytes(@ForAll @Size(max = 200) byte[] bytes) {
        readOrRefused(bytes);
    }

    @Test
    void lengthsBeyondTheFile() {
        for (int field : List.of(1, 2, 3, 4, 5, 1000)) {
            for (byte last : new byte[] {0x01, 0x07, 0x0f, 0x7f, (byte) 0xff}) {
                byte[] bytes = new byte[12];
                bytes[0] = (byte) (field << 3 | 2);
                Arrays.fill(bytes, 1, 5, (byte) 0xff);
                bytes[5] = last;
                refused(bytes);
            }
        }
    }

    @Test
    void groupsNestedWithoutEnd() {
        byte[] bytes = new byte[1 << 20];
        Arrays.fill(bytes, (byte) (9 << 3 | 3));
        refused(bytes);
    }

    @Test
    void spellingsThatAreNotUtf8() {
        byte[] bytes = WHOLE.clone();
        int place = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("<unk>");
        bytes[place] = (byte) 0xff;
        refused(bytes);
    }

    @Provide
    Arbitrary<Integer> places() {
        return Arbitraries.integers().between(0, WHOLE.length - 1);
    }

    private static void refused(byte[] bytes) {
        assertThatThrownBy(() -> SentencePieceReader.parse(bytes, "test.model"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("test.model");
    }

    /** What is read must also work. */
    private static void readOrRefused(byte[] bytes) {
        SentencePieceModel model;
        try {
            model = SentencePieceReader.parse(bytes, "test.model");
        } catch (M3Exception e) {
            return;
        }
        for (boolean legacy : new boolean[] {true, false}) {
            TextCodec codec = new LlamaTextCodec(model, OwnTokenizer.settings(legacy, Map.of()));
            long[] ids = codec.encode("<s> Hello  w\u00f6rld\n\ud83d\ude00</s>x");
            codec.decode(ids, false);
            codec.decode(ids, true);
        }
    }

    private static byte[] own() {
        try {
            return Files.readAllBytes(Golden.file("text/own_tokenizer/tokenizer.model"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
