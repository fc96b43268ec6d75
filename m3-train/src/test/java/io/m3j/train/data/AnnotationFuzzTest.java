package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.BeforeProperty;

/** Whatever the bytes, opening and reading end with annotations or with an M3Exception. */
class AnnotationFuzzTest {

    private static final String GOOD =
            "{\"id\": \"g\", \"image\": \"a.png\", \"conversations\": [{\"from\": \"human\","
                    + " \"value\": \"<image> \\\"é\\\\\"}, {\"from\": \"gpt\", \"value\": \"b\"}]}";

    private Path file;

    @BeforeProperty
    void makeFile() throws IOException {
        file =
                Files.createTempFile(
                        Files.createDirectories(Path.of("target", "fuzz")), "a", ".json");
        file.toFile().deleteOnExit();
    }

    @Provide
    Arbitrary<byte[]> junk() {
        Arbitrary<String> pieces =
                Arbitraries.of(
                        "{",
                        "}",
                        "[",
                        "]",
                        ",",
                        ":",
                        "\"",
                        "\\",
                        "\\u12",
                        "\n",
                        "null",
                        "1e999999",
                        "\"conversations\"",
                        "\"from\"",
                        "\"human\"",
                        "\"value\"",
                        GOOD,
                        "\u0000",
                        "é");
        Arbitrary<byte[]> json =
                pieces.list()
                        .ofMaxSize(30)
                        .map(list -> String.join("", list).getBytes(StandardCharsets.UTF_8));
        Arbitrary<byte[]> binary = Arbitraries.bytes().array(byte[].class).ofMaxSize(200);
        return Arbitraries.oneOf(json, binary);
    }

    @Property(tries = 1000)
    void junkBesideGoodObjectsIsToldByFileAndLine(
            @ForAll("junk") byte[] junk, @ForAll boolean array, @ForAll boolean first)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        write(bytes, array ? "[" : "");
        write(bytes, first ? GOOD + (array ? "," : "\n") : "");
        bytes.write(junk);
        write(bytes, array ? "]" : "\n" + GOOD);
        readAll(bytes.toByteArray());
    }

    @Property(tries = 500)
    void aFileCutShortAnywhereIsToldByFileAndLine(
            @ForAll @IntRange(max = 500) int length, @ForAll boolean array) throws IOException {
        String whole = array ? "[" + GOOD + ",\n" + GOOD + "]" : GOOD + "\n" + GOOD;
        byte[] bytes = whole.getBytes(StandardCharsets.UTF_8);
        int read = readAll(Arrays.copyOf(bytes, Math.min(length, bytes.length)));
        if (length >= bytes.length) {
            assertThat(read).isEqualTo(2);
        } else if (array) {
            assertThat(read).isZero();
        }
    }

    @Property(tries = 500)
    void aFlippedByteHarmsTheObjectsAroundItAtMost(
            @ForAll @IntRange(max = 400) int position, @ForAll byte value) throws IOException {
        byte[] bytes = (GOOD + "\n" + GOOD + "\n" + GOOD).getBytes(StandardCharsets.UTF_8);
        int place = position % bytes.length;
        bytes[place] = value;
        if (place == 0 && value == '[') {
            // The one byte that makes the file another kind: an array, which has no end here.
            assertThatThrownBy(() -> open(bytes))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("is the file complete?");
        } else {
            assertThat(readAll(bytes)).isPositive();
        }
    }

    @Example
    void anArrayThatNeverEndsIsRefusedWhole() throws IOException {
        aFlippedByteHarmsTheObjectsAroundItAtMost(0, (byte) '[');
    }

    @Example
    void depthHugeNumbersAndLongObjectsAreRefusedEachByItself() throws IOException {
        List<String> hostile =
                List.of(
                        "[".repeat(1_000_000),
                        "{\"a\":".repeat(100_000) + "1" + "}".repeat(100_000),
                        "{\"conversations\": " + "9".repeat(1_000_000) + "}",
                        "{\"conversations\": [" + "[],".repeat(1_300_000) + "1]}",
                        "{\"id\": \"" + "x".repeat(AnnotationFile.MAXIMUM_BYTES) + "\"}");
        byte[] bytes =
                (GOOD + "\n" + String.join("\n", hostile) + "\n" + GOOD)
                        .getBytes(StandardCharsets.UTF_8);
        assertThat(readAll(bytes)).isEqualTo(2);
        AnnotationFile annotations = new AnnotationFile(file);
        assertThat(annotations.size()).isEqualTo(hostile.size() + 2);
        assertThat(annotations.read(6).id()).isEqualTo("g");
    }

    @Example
    void objectsBehindEachOtherInOneLineAreNotTakenForOne() throws IOException {
        assertThat(readAll((GOOD + "\n" + GOOD + GOOD).getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(1);
        assertThat(readAll(("[" + GOOD + "," + GOOD + ",]").getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(2);
        assertThat(new AnnotationFile(file).size()).isEqualTo(3);
    }

    private AnnotationFile open(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        return new AnnotationFile(file);
    }

    /** How many annotations could be read; all that could not must say so well. */
    private int readAll(byte[] bytes) throws IOException {
        AnnotationFile annotations;
        try {
            annotations = open(bytes);
        } catch (M3Exception e) {
            assertThat(e).hasMessageStartingWith(file + ": ");
            assertThat(e.getMessage()).hasSizeLessThan(1000);
            return 0;
        }
        int good = 0;
        for (int i = 0; i < annotations.size(); i++) {
            try {
                assertThat(annotations.read(i).conversation().turns()).isNotEmpty();
                assertThat(annotations.length(i)).isNotZero();
                good++;
            } catch (BadExample e) {
                assertThat(e).hasMessageStartingWith(file + ", line ");
                assertThat(e.getMessage()).hasSizeLessThan(1000);
            }
        }
        return good;
    }

    private static void write(ByteArrayOutputStream bytes, String text) {
        bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
    }
}
