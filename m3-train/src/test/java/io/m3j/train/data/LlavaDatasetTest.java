package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.train.data.BadExample.Reason;
import io.m3j.vision.M3Image;
import io.m3j.vision.Resolution;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LlavaDatasetTest {

    private static final Path IMAGES = Golden.file("images");

    private static final String PICTURE =
            "{\"id\": \"p\", \"image\": \"tiny_3x5.png\", \"conversations\": [{\"from\": \"human\","
                    + " \"value\": \"What is\\n this?\\n<image>\"}, {\"from\": \"gpt\", \"value\":"
                    + " \"A cat.\"}]}";
    private static final String TEXT =
            "{\"id\": 7, \"conversations\": [{\"from\": \"human\", \"value\": \"Write <image> ]},"
                    + " \\\"\"}, {\"from\": \"gpt\", \"value\": \"<image>\"}]}";

    @TempDir Path directory;
    private M3Tokenizer tokenizer;

    @BeforeEach
    void openTokenizer() throws Exception {
        tokenizer = TokenizerFiles.own(directory, true);
    }

    @AfterEach
    void closeTokenizer() {
        tokenizer.close();
    }

    @ParameterizedTest
    @CsvSource({
        "a.json, '[', ',', ']'",
        "a.jsonl, '', '\n', '\n'",
        "b.json, '\uFEFF [ ', '\r\n,\r\n', ' ]\n\n'",
        "b.jsonl, '\n\n', '\r\n\r\n', ''"
    })
    void arraysAndLinesHoldTheSameExamples(String name, String begin, String between, String end)
            throws Exception {
        LlavaDataset dataset =
                dataset(name, begin + String.join(between, PICTURE, TEXT, PICTURE) + end);
        assertThat(dataset.size()).isEqualTo(3);
        assertThat(IntStream.range(0, 3).map(dataset::length)).containsExactly(6, -5, 6);

        Example picture = dataset.get(2);
        assertThat(picture.id()).contains(name + ", line ").endsWith(", id p");
        assertThat(picture.images()).containsExactly(M3Image.of(IMAGES.resolve("tiny_3x5.png")));
        assertThat(picture.ids()).containsOnlyOnce(M3Tokenizer.IMAGE_ID);
        assertThat(spoken(picture)).isEqualTo(" A cat.</s>");
        assertThat(dataset.get(0).ids()).isEqualTo(picture.ids());

        Example text = dataset.get(1);
        assertThat(text.images()).isEmpty();
        assertThat(text.ids()).doesNotContain(M3Tokenizer.IMAGE_ID);
        assertThat(spoken(text).strip()).isEqualTo("<image></s>");
    }

    @Test
    void severalPicturesStandAtTheirPlacesAndAreNeverLearned() throws Exception {
        String several =
                conversation(
                        "\"image\": [\"tiny_3x5.png\", \"one_1x1.png\", \"tiny_3x5.png\"],",
                        "Compare <image> with <image>.",
                        "Like <image>");
        Example example = dataset("a.jsonl", several).get(0);
        assertThat(example.images().stream().map(M3Image::width)).containsExactly(3, 1, 3);
        LlavaDataset dataset = dataset("b.jsonl", several + "\n" + TEXT + "\nbroken");
        assertThat(IntStream.range(0, 3).map(dataset::pictures)).containsExactly(3, 0, 0);
        assertThat(dataset.pictureSizes(0))
                .extracting(Resolution::toString)
                .containsExactly("3×5", "1×1", "3×5");
        assertThat(dataset.pictureSizes(1)).isEmpty();
        assertThat(example.labels()).doesNotContain(M3Tokenizer.IMAGE_ID);
        assertThat(spoken(example).strip()).isEqualTo("Like</s>");
    }

    @Test
    void aBrokenExampleIsToldWithFileLineAndReasonAndHidesNoOther() throws Exception {
        List<String> lines =
                List.of(
                        PICTURE,
                        "{\"id\": \"x\", ",
                        "[]",
                        "{}",
                        "{\"conversations\": [{\"from\": \"system\", \"value\": \"\"}]}",
                        "{\"conversations\": [{\"from\": \"human\", \"value\": 3}]}",
                        conversation("\"image\": {\"a\": 1},", "<image>", "Yes."),
                        "{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, {\"from\":"
                                + " \"human\", \"value\": \"b\"}]}",
                        conversation("\"image\": \"tiny_3x5.png\",", "No place", "Yes."),
                        conversation("\"image\": \"none.png\",", "<image>", "Yes."),
                        conversation("\"image\": \"nul\\u0000.png\",", "<image>", "Yes."),
                        conversation("\"image\": \"images.json\",", "<image>", "Yes."),
                        conversation("", "Hello", "It ends</s> here."),
                        TEXT);
        List<Reason> expected =
                Arrays.asList(
                        null,
                        Reason.BROKEN_LINE,
                        Reason.BROKEN_LINE,
                        Reason.BROKEN_LINE,
                        Reason.BROKEN_LINE,
                        Reason.BROKEN_LINE,
                        Reason.BROKEN_LINE,
                        Reason.WRONG_TURNS,
                        Reason.IMAGE_COUNT,
                        Reason.MISSING_IMAGE,
                        Reason.MISSING_IMAGE,
                        Reason.BROKEN_IMAGE,
                        Reason.MISMATCH,
                        null);
        LlavaDataset dataset = dataset("a.jsonl", String.join("\n", lines));
        assertThat(dataset.size()).isEqualTo(lines.size());
        for (int i = 0; i < lines.size(); i++) {
            int index = i;
            if (expected.get(i) == null) {
                assertThat(dataset.get(i).labelled()).isPositive();
                continue;
            }
            BadExample bad = catchThrowableOfType(BadExample.class, () -> dataset.get(index));
            assertThat(bad).as(lines.get(i)).hasMessageContaining("a.jsonl, line " + (i + 1));
            assertThat(bad.reason()).as(bad.getMessage()).isEqualTo(expected.get(i));
        }
    }

    @Test
    void anExampleWithoutAnythingToLearnIsBad() throws Exception {
        Path file = directory.resolve("a.jsonl");
        PromptTemplate plain = PromptTemplate.named("plain");
        // A caption of nothing: the picture's two ids are all there is, but for the line's end.
        PromptTemplate endless =
                new PromptTemplate(
                        "endless",
                        plain.system(),
                        plain.userRole(),
                        plain.assistantRole(),
                        plain.style(),
                        "",
                        plain.secondSeparator(),
                        plain.version(),
                        plain.examples());
        Files.writeString(file, conversation("\"image\": \"tiny_3x5.png\",", "<image>", ""));
        LlavaDataset dataset = new LlavaDataset(file, IMAGES, new LabelMask(endless, tokenizer));
        BadExample bad = catchThrowableOfType(BadExample.class, () -> dataset.get(0));
        assertThat(bad.reason()).isEqualTo(Reason.NO_LABELS);
        assertThat(bad).hasMessageContaining("a.jsonl, line 1: expected an answer to learn");
    }

    @ParameterizedTest
    @CsvSource({
        "'', found none",
        "'[]', found none",
        "'[{}]', found 1 broken ones",
        "'hello', found 1 broken ones",
        "'[1, 2', expected ']'"
    })
    void aFileWithoutAConversationIsRefusedWhenItIsOpened(String content, String told) {
        assertThatThrownBy(() -> dataset("a.json", content))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("a.json")
                .hasMessageContaining(told);
    }

    @Test
    void aMissingFileAFolderAndMoreBehindTheArrayAreRefused() {
        LabelMask mask = new LabelMask(PromptTemplate.named("v1"), tokenizer);
        Path missing = directory.resolve("none.json");
        assertThatThrownBy(() -> new LlavaDataset(missing, IMAGES, mask))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("none.json: no such file");
        assertThatThrownBy(() -> new LlavaDataset(directory, IMAGES, mask))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found a folder");
        assertThatThrownBy(() -> dataset("a.json", "[" + PICTURE + "]\n{}"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("line 2: expected nothing behind the array");
    }

    @Test
    void aFileThatChangesUnderTheDatasetIsNoticed() throws Exception {
        LlavaDataset dataset = dataset("a.jsonl", PICTURE + "\n" + TEXT);
        Files.writeString(directory.resolve("a.jsonl"), TEXT + "\n" + PICTURE + "\n");
        assertThatThrownBy(() -> dataset.get(0))
                .isInstanceOf(M3Exception.class)
                .isNotInstanceOf(BadExample.class)
                .hasMessageContaining("has changed since it was opened");
    }

    @Test
    void theFingerprintIsOfTheFilesBytesAndTheTemplate() throws Exception {
        String first = dataset("a.jsonl", PICTURE).fingerprint();
        assertThat(dataset("b.jsonl", PICTURE).fingerprint()).isEqualTo(first).hasSize(64);
        assertThat(dataset("c.jsonl", PICTURE + "\n").fingerprint()).isNotEqualTo(first);
        assertThat(dataset("d.json", "[" + PICTURE + "] ").fingerprint())
                .isNotEqualTo(dataset("e.json", "[" + PICTURE + "]").fingerprint());
        LabelMask other = new LabelMask(PromptTemplate.named("llava_v1"), tokenizer);
        assertThat(new LlavaDataset(directory.resolve("a.jsonl"), IMAGES, other).fingerprint())
                .isNotEqualTo(first);
    }

    private LlavaDataset dataset(String name, String content) throws Exception {
        Path file = directory.resolve(name);
        Files.writeString(file, content);
        LabelMask mask = new LabelMask(PromptTemplate.named("v1"), tokenizer);
        return new LlavaDataset(file, IMAGES, mask);
    }

    private static String conversation(String fields, String question, String answer) {
        return "{"
                + fields
                + " \"conversations\": [{\"from\": \"human\", \"value\": \""
                + question
                + "\"}, {\"from\": \"gpt\", \"value\": \""
                + answer
                + "\"}]}";
    }

    private String spoken(Example example) {
        long[] ids = Arrays.stream(example.labels()).filter(label -> label >= 0).toArray();
        return tokenizer.decode(ids, false);
    }
}
