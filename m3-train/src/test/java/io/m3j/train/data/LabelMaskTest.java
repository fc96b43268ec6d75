package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.llm.Turn;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class LabelMaskTest {

    private static M3Tokenizer legacyTokenizer;
    private static M3Tokenizer newerTokenizer;

    @BeforeContainer
    static void open() {
        try {
            Path directory = Files.createTempDirectory(Path.of("target"), "label-mask");
            legacyTokenizer = TokenizerFiles.own(directory, true);
            newerTokenizer = TokenizerFiles.own(directory, false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @AfterContainer
    static void close() {
        legacyTokenizer.close();
        newerTokenizer.close();
    }

    @Provide
    Arbitrary<String> sentences() {
        return Arbitraries.of(
                        "cat", "Dog", "12.5", "naïve", "\n", "  ", "ASSISTANT", "图", "🐱", "?")
                .list()
                .ofMinSize(1)
                .ofMaxSize(6)
                .map(words -> "a " + String.join(" ", words) + ".");
    }

    @Provide
    Arbitrary<List<String>> hostileTexts() {
        Arbitrary<String> marks =
                Arbitraries.of(
                        "</s>",
                        "<unk>",
                        "<s>",
                        "ASSISTANT: ",
                        "USER:",
                        "<image>",
                        "[/INST] ",
                        "\n",
                        "###",
                        "<|im_end|>",
                        "<|im_start|>assistant\n",
                        "",
                        " ",
                        "cat");
        Arbitrary<String> any = Arbitraries.oneOf(marks, Arbitraries.strings().ofMaxLength(8));
        return any.list().ofMaxSize(4).map(parts -> String.join("", parts)).list().ofMaxSize(5);
    }

    @Property(tries = 200)
    void theLabelsOfAllAnswersTogetherAreTheAnswers(
            @ForAll("sentences") String question,
            @ForAll("sentences") String answer,
            @ForAll("sentences") String second,
            @ForAll boolean legacy,
            @ForAll boolean hasImage) {
        Conversation conversation =
                Conversation.of(
                        Turn.user((hasImage ? "<image>\n" : "") + question),
                        Turn.assistant(answer),
                        Turn.user(question),
                        Turn.assistant(second));
        M3Tokenizer tokenizer = legacy ? legacyTokenizer : newerTokenizer;
        LabelMask mask = new LabelMask(PromptTemplate.named("vicuna_v1"), tokenizer);
        LabelledIds labelled = mask.apply(conversation, hasImage);
        assertThat(labelled.mismatch()).isEmpty();
        assertLabelsAreIdsOrIgnored(labelled);
        assertThat(spoken(labelled, tokenizer).replace(" ", ""))
                .isEqualTo((answer + "</s>" + second + "</s>").replace(" ", ""));
    }

    @Property(tries = 300)
    void whateverTheTextsTheLabelsAreIdsOrIgnored(
            @ForAll("hostileTexts") List<String> texts,
            @ForAll boolean hasImage,
            @ForAll boolean legacy) {
        List<Turn> turns = new ArrayList<>();
        for (String text : texts) {
            turns.add(turns.size() % 2 == 0 ? Turn.user(text) : Turn.assistant(text));
        }
        Conversation conversation = new Conversation(Optional.empty(), turns);
        for (String name : PromptTemplate.names()) {
            M3Tokenizer tokenizer = legacy ? legacyTokenizer : newerTokenizer;
            LabelMask mask = new LabelMask(PromptTemplate.named(name), tokenizer);
            LabelledIds labelled;
            try {
                labelled = mask.apply(mask.imagesFirst(conversation), hasImage);
            } catch (M3Exception e) {
                assertThat(e).hasMessageContaining("expected").hasMessageContaining("found");
                continue;
            }
            assertLabelsAreIdsOrIgnored(labelled);
            if (labelled.mismatch().isPresent()) {
                assertThat(labelled.labels()).containsOnly(io.m3j.train.data.Example.IGNORED);
            }
        }
    }

    @Example
    void theOldestTemplatesMaskQuestionsUpToTheirDrift() {
        Conversation conversation =
                Conversation.of(
                        Turn.user("What is this?"),
                        Turn.assistant("A small cat."),
                        Turn.user("Where?"),
                        Turn.assistant("On the mat."));
        for (String name : List.of("v0", "default", "llava_v0")) {
            LabelMask mask = new LabelMask(PromptTemplate.named(name), newerTokenizer);
            LabelledIds labelled = mask.apply(conversation, false);
            String system = PromptTemplate.named(name).system();
            String text =
                    system
                            + "\n\n### Human: What is this?\n### Assistant: A small cat.\n"
                            + "### Human: Where?\n### Assistant: On the mat.\n### ";
            assertThat(labelled.ids()).isEqualTo(newerTokenizer.encode(text));
            int header = newerTokenizer.encode(system + "\n\n").length;
            int first = newerTokenizer.encode("### Human: What is this?\n").length;
            int second = newerTokenizer.encode("### Assistant: A small cat.\n").length;
            int third = newerTokenizer.encode("### Human: Where?\n").length;
            long[] expected = labelled.ids().clone();
            Arrays.fill(expected, 0, header, -100);
            Arrays.fill(expected, header + 2, header + first, -100);
            int other = header + first + second;
            Arrays.fill(expected, other + 2, other + third, -100);
            assertThat(labelled.labels()).as(name).isEqualTo(expected);
            // The reference learns the header of each turn, and loses a piece of it by drifting.
            assertThat(spoken(labelled, newerTokenizer))
                    .isEqualTo("### Assistant: A small cat.\n### Humanistant: On the mat.\n### ");
        }
    }

    @Example
    void withSeveralPicturesOnlyALonelyOneIsMoved() {
        LabelMask mask = new LabelMask(PromptTemplate.named("v1"), legacyTokenizer);
        Conversation given =
                Conversation.of(
                        Turn.user("Compare <image> and <image>."),
                        Turn.assistant("Alike."),
                        Turn.user("And this <image>?"));
        assertThat(mask.lonelyImagesFirst(given))
                .isEqualTo(
                        Conversation.of(
                                Turn.user("Compare <image> and <image>."),
                                Turn.assistant("Alike."),
                                Turn.user("<image>\nAnd this ?")));
    }

    @Example
    void aConversationWithoutTurnsIsRefused() {
        LabelMask mask = new LabelMask(PromptTemplate.named("v1"), legacyTokenizer);
        assertThatThrownBy(() -> mask.apply(Conversation.of(), false))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("at least one turn");
    }

    private static void assertLabelsAreIdsOrIgnored(LabelledIds labelled) {
        assertThat(labelled.labels()).hasSameSizeAs(labelled.ids());
        for (int i = 0; i < labelled.ids().length; i++) {
            assertThat(labelled.labels()[i])
                    .isIn(labelled.ids()[i], io.m3j.train.data.Example.IGNORED);
        }
    }

    private static String spoken(LabelledIds labelled, M3Tokenizer tokenizer) {
        long[] ids = LongStream.of(labelled.labels()).filter(label -> label >= 0).toArray();
        return tokenizer.decode(ids, false);
    }
}
