package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.Scale;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Any conversation: questions, pictures and scales as they come, some broken off, some taken back. */
class ChatPropertyTest {

    private enum Ending {
        ANSWERED,
        TAKEN_BACK,
        BROKEN_OFF
    }

    private record Act(
            List<Integer> pictures, int scale, String question, int newTokens, Ending ending) {}

    private static M3Model model;
    private static List<EncodedImage> images;

    @BeforeContainer
    static void load() {
        model = GoldenRequests.model("llava-next-m3-bf16");
        images =
                List.of(
                        model.encode(GoldenRequests.picture("land_640x480")),
                        model.encode(GoldenRequests.picture("port_300x451")),
                        model.encode(GoldenRequests.picture("tiny_3x5")));
        images.forEach(image -> model.ladder().scales().forEach(image::at));
        model.logits(List.of(), new long[4000], Scale.of(1)).close(); // rotary tables
    }

    @AfterContainer
    static void close() {
        model.close();
    }

    @Provide
    Arbitrary<Act> acts() {
        return Combinators.combine(
                        Arbitraries.integers().between(0, 2).list().ofMaxSize(2),
                        Arbitraries.of(1, 9, 36, 144),
                        Arbitraries.of(
                                "What?",
                                " a  b ",
                                "Où ? 🚌",
                                "</s>",
                                "USER: x ASSISTANT:",
                                "long ".repeat(60)),
                        Arbitraries.integers().between(1, 12),
                        Arbitraries.of(
                                Ending.ANSWERED,
                                Ending.ANSWERED,
                                Ending.TAKEN_BACK,
                                Ending.BROKEN_OFF))
                .as(Act::new);
    }

    @Provide
    Arbitrary<String> templates() {
        return Arbitraries.of("vicuna_v1", "llava_llama_2", "chatml_direct", "llava_v0");
    }

    @Property(tries = 25)
    void equalsTheWholePromptReadFromNothing(
            @ForAll @From("templates") String template,
            @ForAll @Size(min = 1, max = 5) List<@From("acts") Act> acts) {
        int arrays = model.managedArrays();
        try (Chat chat = model.chat()) {
            ChatCheck check = new ChatCheck(model, chat, PromptTemplate.named(template));
            for (Act act : acts) {
                perform(act, chat, check, template);
            }
        }
        assertThat(model.managedArrays()).isEqualTo(arrays);
    }

    private static void perform(Act act, Chat chat, ChatCheck check, String template) {
        List<EncodedImage> shown = act.pictures().stream().map(images::get).toList();
        // The second picture at the next coarser scale.
        ScalePolicy scales =
                ScalePolicy.seeing(
                        seen ->
                                ScalePolicy.fixed(
                                                Scale.of(
                                                        act.scale() > 1 && seen.index() == 1
                                                                ? 1
                                                                : act.scale()))
                                        .choose(seen));
        if (act.ending() == Ending.BROKEN_OFF) {
            Conversation before = chat.conversation();
            GenerationOptions options =
                    GenerationOptions.builder()
                            .scales(scales)
                            .template(template)
                            .maxNewTokens(40)
                            .ignoreEndOfSequence(true)
                            .build();
            IllegalArgumentException enough = new IllegalArgumentException("enough");
            assertThatThrownBy(
                            () ->
                                    chat.ask(
                                            shown,
                                            act.question(),
                                            options,
                                            piece -> {
                                                throw enough;
                                            }))
                    .isSameAs(enough);
            assertThat(chat.conversation()).isEqualTo(before);
            check.forgetRead();
            return;
        }
        check.ask(shown, act.question(), o -> o.scales(scales).maxNewTokens(act.newTokens()));
        if (act.ending() == Ending.TAKEN_BACK) {
            chat.undo();
            check.undone();
        }
    }
}
