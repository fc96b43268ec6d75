package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Asks a conversation, and compares each turn with the same prompt written and read from nothing. */
final class ChatCheck {

    /** float32 sums in another order. */
    private static final float TOLERANCE = 1e-4f;

    private final M3Model model;
    private final Chat chat;
    private final PromptTemplate template;
    private Conversation said = Conversation.of();
    private List<Object> last = List.of(); // what stood in prompt and answer, place by place

    ChatCheck(M3Model model, Chat chat, PromptTemplate template) {
        this.model = model;
        this.chat = chat;
        this.template = template;
    }

    void system(String text) {
        said = said.withSystem(text);
    }

    /** A turn that was asked elsewhere. */
    void told(String question, String answer) {
        said = said.with(Turn.user(question)).with(Turn.assistant(answer));
        forgetRead();
    }

    /** What the cache holds is not known here. */
    void forgetRead() {
        last = List.of();
    }

    /** The last turn was taken back. */
    void undone() {
        List<Turn> turns = said.turns();
        said = new Conversation(said.system(), turns.subList(0, turns.size() - 2));
    }

    Answer ask(
            List<EncodedImage> images,
            String question,
            UnaryOperator<GenerationOptions.Builder> set) {
        GenerationOptions options =
                set.apply(
                                GenerationOptions.builder()
                                        .maxNewTokens(6)
                                        .template(template.name())
                                        .ignoreEndOfSequence(true))
                        .build();
        List<EncodedImage> before = chat.images();
        StringBuilder heard = new StringBuilder();
        Answer answer = chat.ask(images, question, options, heard::append);

        boolean marked = question.contains("<image>");
        String text = (marked ? "" : "<image>\n".repeat(images.size())) + question;
        said = said.with(Turn.user(text));
        long[] ids = model.tokenizer().encodeWithImages(template.prompt(said.with(Turn.open())));
        said = said.with(Turn.assistant(answer.text()));
        List<EncodedImage> all = new ArrayList<>(before);
        all.addAll(images);
        assertThat(chat.promptIds()).isEqualTo(ids);
        assertThat(chat.conversation()).isEqualTo(said);
        assertThat(chat.images()).isEqualTo(all);
        assertThat(heard.toString().strip()).isEqualTo(answer.text());

        close(chat.promptLogits(), fromNothing(model, chat));
        GenerationOptions ofIds =
                GenerationOptions.builder()
                        .scales(
                                ScalePolicy.each(
                                        chat.scales().stream().map(ScalePolicy::fixed).toList()))
                        .maxNewTokens(options.maxNewTokens())
                        .ignoreEndOfSequence(true)
                        .build();
        List<Long> alone = model.generateIds(all, ids, ofIds);
        assertThat(answer.ids()).isEqualTo(alone.subList(0, answer.ids().size()));
        checkReused(ids, answer);
        return answer;
    }

    /** The longest beginning in common with the last prompt and its answer, but for its last id. */
    private void checkReused(long[] ids, Answer answer) {
        List<Integer> positions = new ArrayList<>();
        List<Object> what = new ArrayList<>();
        int image = 0;
        for (long id : ids) {
            boolean slot = id == M3Tokenizer.IMAGE_ID;
            // Another picture, or the same at other scales, is another one, however many tokens.
            what.add(slot ? List.of(chat.images().get(image), chat.scales().get(image)) : id);
            positions.add(
                    slot ? chat.images().get(image).tokenCount(chat.scales().get(image++)) : 1);
        }
        int shared = 0;
        int i = 0;
        while (i < Math.min(ids.length, last.size() - 1) && what.get(i).equals(last.get(i))) {
            shared += positions.get(i++);
        }
        if (!last.isEmpty()) {
            int most = answer.promptTokens() - 2;
            assertThat(chat.reusedPositions()).isEqualTo(Math.min(shared, most));
        }
        what.addAll(answer.ids());
        last = what;
    }

    /** The last logits of the conversation's last prompt, in one pass without any cache. */
    static float[] fromNothing(M3Model model, Chat chat) {
        return fromNothing(model, chat.images(), chat.promptIds(), chat.scales());
    }

    static float[] fromNothing(
            M3Model model, List<EncodedImage> images, long[] ids, List<ImageScales> scales) {
        try (NDArray logits = model.logits(images, ids, scales)) {
            return Rows.last(logits);
        }
    }

    static void close(float[] found, float[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        float error = 0;
        for (int i = 0; i < found.length; i++) {
            error = Math.max(error, Math.abs(found[i] - expected[i]));
        }
        assertThat(error).isLessThanOrEqualTo(TOLERANCE);
    }
}
