package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Conversations about pictures: the same as the whole prompt read from nothing, and what may go wrong. */
@Timeout(120)
class ChatTest {

    private static final Consumer<String> NOBODY = piece -> {};
    private static final Scale NINE = Scale.of(9);
    private static final String NEXT = "llava-next-m3-bf16";

    private static M3Model model;
    private static EncodedImage land;
    private static EncodedImage port;

    @BeforeAll
    static void open() {
        model = GoldenRequests.model(NEXT);
        land = model.encode(GoldenRequests.picture("land_640x480"));
        port = model.encode(GoldenRequests.picture("port_300x451"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static GenerationOptions.Builder options() {
        return GenerationOptions.builder().maxNewTokens(6).scale(NINE);
    }

    private static GenerationOptions few() {
        return options().build();
    }

    /** A conversation whose first turn was asked and checked. */
    private static ChatCheck askedAbout(EncodedImage image, Chat chat) {
        ChatCheck check = new ChatCheck(model, chat, PromptTemplate.named("vicuna_v1"));
        check.ask(List.of(image), "What is it?", o -> o.scale(NINE));
        return check;
    }

    @ParameterizedTest
    @CsvSource({
        NEXT + ", vicuna_v1",
        NEXT + ", llava_llama_2",
        NEXT + ", chatml_direct",
        NEXT + ", llava_v0",
        "llava-next-hf, mistral_instruct",
        "llava-m3, vicuna_v1",
        "llava-m3, mpt"
    })
    void everyTurnIsTheWholePromptReadFromNothing(String checkpoint, String template) {
        try (M3Model own = GoldenRequests.model(checkpoint);
                EncodedImage wide = own.encode(GoldenRequests.picture("land_640x480"));
                EncodedImage tall = own.encode(GoldenRequests.picture("port_300x451"));
                Chat chat = own.chat()) {
            ImageScales parts = ImageScales.of(NINE, Scale.of(1), wide.layout());
            ScalePolicy twice =
                    ScalePolicy.each(
                            List.of(
                                    ScalePolicy.fixed(parts.with(0, Scale.of(36))),
                                    ScalePolicy.fixed(Scale.of(144))));
            ChatCheck check = new ChatCheck(own, chat, PromptTemplate.named(template));
            check.ask(List.of(wide), "What is it?", o -> o.scale(NINE).maxNewTokens(7));
            check.ask(List.of(), "Who made it, and when?", o -> o.maxNewTokens(1));
            check.ask(
                    List.of(wide, tall),
                    "Is <image> in <image>?",
                    o -> o.scales(twice).maxNewTokens(5));
            check.ask(List.of(tall), "And this?", o -> o.scale(Scale.of(1)).maxNewTokens(9));
            check.ask(List.of(), "Where?", o -> o.maxNewTokens(3));
            assertThat(chat.images()).containsExactly(wide, wide, tall, tall);
            assertThat(chat.scales().get(1)).isEqualTo(parts.with(0, Scale.of(36)));
        }
    }

    @Test
    void onlyWhatTheTurnAddsIsRead() {
        try (Chat chat = model.chat()) {
            Answer first = chat.ask(List.of(land), "What is it?", few(), NOBODY);
            assertThat(chat.reusedPositions()).isZero();
            chat.ask("Where?", few(), NOBODY);
            assertThat(chat.reusedPositions()).isGreaterThanOrEqualTo(first.promptTokens());
            Answer third = chat.ask(List.of(port), "And this?", few(), NOBODY);
            assertThat(third.visualTokens())
                    .isEqualTo(land.tokenCount(NINE) + port.tokenCount(NINE));
            assertThat(third.timings().encode()).isEqualTo(port.encodeTime());
            assertThat(chat.ask("Sure?", few(), NOBODY).timings().encode()).isZero();
            chat.undo();
            chat.ask("Really sure?", few(), NOBODY);
            assertThat(chat.reusedPositions()).isGreaterThanOrEqualTo(third.promptTokens());
        }
    }

    @Test
    void theFirstTurnIsTheQuestionByItself() {
        try (Chat chat = model.chat()) {
            Answer answer = chat.ask(List.of(land), "What is it?", few(), NOBODY);
            Answer alone = model.generate(land, "What is it?", few(), NOBODY);
            assertThat(answer.ids()).isEqualTo(alone.ids());
            assertThat(answer.text()).isEqualTo(alone.text());
            assertThat(answer.promptTokens()).isEqualTo(alone.promptTokens());
        }
    }

    @Test
    void whatWasTakenBackLeavesNoTrace() {
        try (Chat chat = model.chat("You answer.")) {
            ChatCheck check = new ChatCheck(model, chat, PromptTemplate.named("vicuna_v1"));
            check.system("You answer.");
            check.ask(List.of(port), "Who is it?", o -> o.scale(NINE));
            Conversation before = chat.conversation();
            GenerationOptions coarse = options().scale(Scale.of(1)).build();
            chat.ask(List.of(land, port), "<image> or <image>?", coarse, NOBODY);
            chat.undo();
            assertThat(chat.conversation()).isEqualTo(before);
            assertThat(chat.images()).containsExactly(port);
            assertThat(chat.scales()).containsExactly(ImageScales.same(NINE, port.layout()));
            check.forgetRead();
            check.ask(List.of(land), "And this one?", o -> o.scale(Scale.of(36)));
            chat.undo();
            chat.undo();
            assertThat(chat.conversation().turns()).isEmpty();
            assertThat(chat.conversation().system()).contains("You answer.");
            assertThatThrownBy(chat::undo)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no question to take back");
        }
    }

    @Test
    void aConversationThatDoesNotFitIsToldBeforeAnythingIsLost() {
        try (Chat chat = model.chat()) {
            ChatCheck check = askedAbout(land, chat);
            Conversation before = chat.conversation();
            int arrays = model.managedArrays();
            GenerationOptions tooLong = options().maxNewTokens(8192).build();
            assertThatThrownBy(() -> chat.ask(List.of(port), "Where?", tooLong, NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("context: the prompt takes")
                    .hasMessageContaining("but the model has 8192");
            assertThat(chat.conversation()).isEqualTo(before);
            assertThat(chat.images()).containsExactly(land);
            assertThat(model.managedArrays()).isEqualTo(arrays);
            check.ask(List.of(port), "Where?", o -> o.scale(NINE));
            assertThat(chat.reusedPositions()).isGreaterThan(land.tokenCount(NINE));
        }
    }

    @Test
    void whatACallbackThrowsLeavesTheConversationAsItWas() {
        try (Chat chat = model.chat()) {
            ChatCheck check = askedAbout(land, chat);
            Conversation before = chat.conversation();
            RuntimeException thrown = new RuntimeException("enough");
            assertThatThrownBy(
                            () ->
                                    chat.ask(
                                            List.of(port),
                                            "Where?",
                                            few(),
                                            piece -> {
                                                throw thrown;
                                            }))
                    .isSameAs(thrown);
            assertThat(chat.conversation()).isEqualTo(before);
            assertThat(chat.images()).containsExactly(land);
            check.forgetRead();
            check.ask(List.of(), "Where?", o -> o.maxNewTokens(4));
            assertThat(chat.reusedPositions()).isGreaterThan(land.tokenCount(NINE));
        }
    }

    @Test
    void aCancelledAnswerCountsAsFarAsItCame() {
        try (Chat chat = model.chat()) {
            ChatCheck check = askedAbout(land, chat);
            GenerationOptions many = options().maxNewTokens(50).ignoreEndOfSequence(true).build();
            StringBuilder heard = new StringBuilder();
            Answer cut =
                    chat.ask(
                            "Where?",
                            many,
                            piece -> {
                                heard.append(piece);
                                if (!heard.toString().isBlank()) {
                                    Thread.currentThread().interrupt();
                                }
                            });
            assertThat(Thread.interrupted()).isTrue();
            assertThat(cut.finishReason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(cut.ids()).hasSizeLessThan(50);
            List<Turn> turns = chat.conversation().turns();
            assertThat(turns).hasSize(4);
            assertThat(turns.get(3)).isEqualTo(Turn.assistant(cut.text()));
            check.told("Where?", cut.text());
            check.ask(List.of(), "Why?", o -> o.maxNewTokens(4));

            Conversation before = chat.conversation();
            Thread.currentThread().interrupt();
            Answer none = chat.ask(List.of(port), "Who?", few(), NOBODY);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(none.finishReason()).isEqualTo(FinishReason.CANCELLED);
            assertThat(none.ids()).isEmpty();
            assertThat(chat.conversation()).isEqualTo(before);
            assertThat(chat.images()).containsExactly(land);
            check.forgetRead();
            check.ask(List.of(port), "Who?", o -> o.scale(NINE));
        }
    }

    @Test
    void markersMustBeAsManyAsThePicturesOfTheirTurn() {
        try (Chat chat = model.chat()) {
            chat.ask(List.of(land), "What?", few(), NOBODY);
            assertThatThrownBy(() -> chat.ask(List.of(land, port), "Is it <image>?", few(), NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("1 times <image> for 2 images of this turn");
            assertThatThrownBy(() -> chat.ask("Is it <image>?", few(), NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("1 times <image> for 0 images");
            GenerationOptions two =
                    GenerationOptions.builder().scales(ScalePolicy.each(NINE, NINE)).build();
            assertThatThrownBy(() -> chat.ask(List.of(port), "Who?", two, NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("scales: 2, one for each image, for 1 images");
            assertThat(chat.images()).containsExactly(land);
        }
    }

    @Test
    void aPictureMayBeClosedOnceItsTurnWasAnswered() {
        try (Chat chat = model.chat();
                EncodedImage twin = model.encode(GoldenRequests.picture("land_640x480"))) {
            EncodedImage brief = model.encode(GoldenRequests.picture("land_640x480"));
            chat.ask(List.of(brief), "What is it?", few(), NOBODY);
            brief.close();
            chat.ask(List.of(port), "And this?", few(), NOBODY);
            float[] expected =
                    ChatCheck.fromNothing(
                            model, List.of(twin, port), chat.promptIds(), chat.scales());
            ChatCheck.close(chat.promptLogits(), expected);

            GenerationOptions rewritten = options().template("llava_llama_2").build();
            assertThatThrownBy(() -> chat.ask("Again?", rewritten, NOBODY))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the encoded image was closed");
            assertThatThrownBy(() -> chat.ask(List.of(brief), "Again?", few(), NOBODY))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the encoded image was closed");
            assertThat(chat.images()).containsExactly(brief, port);
        }
    }

    @Test
    void aPictureOfAnotherModelIsRefused() {
        try (M3Model other = GoldenRequests.model("llava-m3");
                EncodedImage foreign = other.encode(GoldenRequests.picture("land_640x480"));
                Chat chat = model.chat()) {
            assertThatThrownBy(() -> chat.ask(List.of(foreign), "What?", few(), NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("encoded by another model");
            assertThat(chat.images()).isEmpty();
            chat.ask(List.of(port), "What?", few(), NOBODY);
        }
    }

    @Test
    void aTemplateForOneMessageTakesOneQuestion() {
        try (Chat chat = model.chat()) {
            GenerationOptions plain = options().template("plain").build();
            assertThat(chat.ask(List.of(port), "Who is it?", plain, NOBODY).text()).isNotEmpty();
            assertThatThrownBy(() -> chat.ask("Why?", plain, NOBODY))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("use a template for conversations");
            assertThat(chat.conversation().turns()).hasSize(2);
            chat.ask("Why?", few(), NOBODY);
        }
    }

    @Test
    void oneQuestionAfterAnother() {
        try (Chat chat = model.chat()) {
            List<Throwable> refusals = new ArrayList<>();
            Consumer<String> asksInTurn =
                    piece -> {
                        refusals.add(thrown(() -> chat.ask("What?", few(), NOBODY)));
                        refusals.add(thrown(chat::undo));
                    };
            chat.ask(List.of(land), "What?", few(), asksInTurn);
            assertThat(refusals)
                    .isNotEmpty()
                    .allMatch(IllegalStateException.class::isInstance)
                    .allMatch(t -> t.getMessage().contains("one question after another"));
            chat.ask("Why?", few(), NOBODY);
        }
    }

    private static Throwable thrown(Runnable call) {
        try {
            call.run();
            return null;
        } catch (RuntimeException e) {
            return e;
        }
    }

    @Test
    void afterClosingEveryCallIsRefused() {
        Chat chat = model.chat();
        chat.ask(List.of(land), "What?", few(), NOBODY);
        chat.close();
        chat.close();
        assertThatThrownBy(() -> chat.ask("Why?", few(), NOBODY))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the conversation was closed");
        assertThatThrownBy(chat::undo)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the conversation was closed");
        assertThat(chat.conversation().turns()).hasSize(2);

        Chat closedWithin = model.chat();
        assertThatThrownBy(() -> closedWithin.ask("What?", few(), piece -> closedWithin.close()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the conversation was closed");
        assertThat(closedWithin.conversation().turns()).isEmpty();

        M3Model own = GoldenRequests.model("llava-m3");
        Chat orphan = own.chat();
        orphan.ask("What?", few(), NOBODY);
        own.close();
        assertThatThrownBy(() -> orphan.ask("Why?", few(), NOBODY))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("was closed");
        orphan.close();
    }

    @Test
    void closingFromAnotherThreadTurnsTheQuestionAway() throws Exception {
        GenerationOptions many = options().maxNewTokens(2000).ignoreEndOfSequence(true).build();
        for (int round = 0; round < 4; round++) {
            Chat chat = model.chat();
            UntilTurnedAway.close(
                    List.of(() -> chat.ask(List.of(port), "What?", many, NOBODY)),
                    15L * round,
                    chat::close);
        }
    }

    @Test
    void conversationsLeaveNothingBehind() {
        try (Chat chat = model.chat()) {
            chat.ask(List.of(land, port), "Which?", few(), NOBODY); // makes what is made once
        }
        model.logits(List.of(), new long[2000], NINE).close();
        int arrays = model.managedArrays();
        for (int i = 0; i < 20; i++) {
            try (Chat chat = model.chat()) {
                chat.ask(List.of(land), "What is it?", few(), NOBODY);
                int open = model.managedArrays();
                chat.ask(List.of(port), "And this?", few(), NOBODY);
                thrown(() -> chat.ask("Who?", few(), piece -> thrown("no")));
                thrown(() -> chat.ask("<image>", few(), NOBODY));
                chat.ask("long ".repeat(60 * (i % 3)), few(), NOBODY); // a larger cache
                chat.undo();
                assertThat(model.managedArrays()).isEqualTo(open);
            }
        }
        assertThat(model.managedArrays()).isEqualTo(arrays);
    }

    private static void thrown(String message) {
        throw new IllegalArgumentException(message);
    }

    @Test
    void aMarkerThatTheModelWritesIsNoPicture() {
        assertThat(Chat.withoutMarkers("an <image> of it")).isEqualTo("an  of it");
        assertThat(Chat.withoutMarkers("<im<image>age>")).isEmpty();
        assertThat(Chat.withoutMarkers("an image")).isEqualTo("an image");
    }
}
