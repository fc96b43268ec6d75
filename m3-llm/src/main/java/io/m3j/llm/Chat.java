package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.generate.LogitSource;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A conversation with a model about any number of pictures, shown at any turn, each at its own scales.
 *
 * <pre>{@code
 * try (Chat chat = model.chat()) {
 *     chat.ask(List.of(page), "What is it?", options(Scale.of(576)), System.out::print);
 *     chat.ask("Who wrote it?", options, System.out::print);
 *     chat.ask(List.of(photo), "Is it she?", options(Scale.of(9)), System.out::print);
 * }
 * }</pre>
 *
 * <p>Each turn's prompt is the whole conversation, as the {@link PromptTemplate} writes it down. The keys
 * and values of earlier turns are kept, so that only ids are read that the cache does not hold: those behind
 * the longest beginning that this prompt shares with the last one and its answer. The logits are those of
 * the same prompt read from nothing, up to the order of sums ({@link #promptIds}).
 *
 * <p>A question whose call returns is part of the conversation, and its answer too, as far as it came; one
 * whose call throws is not, and the conversation stays as it was. A question cancelled before any text came
 * is not either.
 *
 * <p>A picture must be open when it is shown, and from then on as long as its positions may have to be read
 * again: after its question has returned that happens only where a turn is written with another template,
 * or the checkpoint has dynamic rotary scaling and the prompt is past the length it was trained with.
 *
 * <p>Owns native memory, its KV cache: the caller closes it, or it ends with its model. For one thread at a
 * time; {@link #close} alone may come from any, and waits for the pass that runs.
 */
public final class Chat implements AutoCloseable {

    private static final String MARKER = M3Tokenizer.IMAGE_MARKER;

    private final Preparation preparation;
    private final Answering answering;
    private final ConversationCache cache;
    private final Lifetime lifetime = new Lifetime("the conversation");
    private final AtomicBoolean asking = new AtomicBoolean();
    private Conversation conversation;
    private List<EncodedImage> images = List.of();
    private List<ImageScales> scales = List.of();
    private long[] promptIds = {};
    private float[] promptLogits = {};
    private int reusedPositions;

    /**
     * @param preparation puts turns into ids
     * @param answering reads them
     * @param cache empty; closed with this
     * @param beginning the system text and no turn
     */
    Chat(
            Preparation preparation,
            Answering answering,
            ConversationCache cache,
            Conversation beginning) {
        this.preparation = preparation;
        this.answering = answering;
        this.cache = cache;
        this.conversation = beginning;
    }

    /**
     * Asks without showing anything new.
     *
     * @param question without template
     * @param options sampling and limits
     * @param onText told each piece of text as it comes; what it throws ends the answer
     * @return the whole answer, as {@link #ask(List, String, GenerationOptions, Consumer)}
     */
    public Answer ask(String question, GenerationOptions options, Consumer<String> onText) {
        return ask(List.of(), question, options, onText);
    }

    /**
     * Shows pictures and asks.
     *
     * @param shown from {@link M3Model#encode}, any number; they come before this question, or where it has
     *     {@code <image>}, one for each
     * @param question without template
     * @param options the scales of these pictures, sampling and limits; a template that they name writes the
     *     whole conversation
     * @param onText told each piece of text as it comes; what it throws ends the answer. It may not ask in
     *     turn
     * @return the whole answer, or what there is of it when the calling thread is interrupted: it then ends
     *     as {@link FinishReason#CANCELLED}, the interrupt kept. Its visual and prompt tokens are those of
     *     the whole conversation, its times those of this turn
     * @throws M3Exception if pictures and markers of the question differ in number, conversation and answer
     *     exceed the context, or there is no memory for them
     * @throws IllegalStateException if this, the model or a picture was closed, or a question is being
     *     answered
     */
    public Answer ask(
            List<EncodedImage> shown,
            String question,
            GenerationOptions options,
            Consumer<String> onText) {
        required(shown, "images");
        required(question, "question");
        required(options, "options");
        required(onText, "onText");
        return alone(() -> answer(lifetime.during(() -> turn(shown, question, options)), onText));
    }

    /** Two that ask at once would write into one cache. */
    private <T> T alone(Supplier<T> call) {
        if (!asking.compareAndSet(false, true)) {
            throw new IllegalStateException(
                    "the conversation is answering: it takes one question after another");
        }
        try {
            return call.get();
        } finally {
            asking.set(false);
        }
    }

    private static void requireMarkers(int pictures, String question) {
        int markers = M3Tokenizer.imageMarkers(question);
        if (markers != 0 && markers != pictures) {
            throw new M3Exception(
                    "question: "
                            + markers
                            + " times "
                            + MARKER
                            + " for "
                            + pictures
                            + " images of this turn; write it once for each, or not at all");
        }
    }

    /** What the conversation will be if the answer comes to its end. */
    private record Round(
            Conversation asked,
            List<EncodedImage> images,
            List<ImageScales> scales,
            PreparedRequest request,
            Duration encode) {}

    private Round turn(List<EncodedImage> shown, String question, GenerationOptions options) {
        requireMarkers(shown.size(), question);
        List<ImageScales> chosen = preparation.scales(shown, question, options);
        Conversation asked =
                conversation.with(Turn.user(preparation.withMarkers(shown.size(), question)));
        List<EncodedImage> allImages = joined(images, shown);
        List<ImageScales> allScales = joined(scales, chosen);
        PreparedRequest request =
                preparation.conversation(asked.with(Turn.open()), allImages, allScales, options);
        return new Round(asked, allImages, allScales, request, PreparedRequest.encodeTime(shown));
    }

    private static <T> List<T> joined(List<T> some, List<T> more) {
        List<T> all = new ArrayList<>(some);
        all.addAll(more);
        return List.copyOf(all);
    }

    private Answer answer(Round round, Consumer<String> onText) {
        PreparedRequest request = round.request();
        Prompt prompt = request.prompt();
        int known = cache.known(prompt);
        try (Generation generation =
                lifetime.during(() -> answering.start(request, cache, Kept::new))) {
            promptIds = prompt.ids();
            reusedPositions = known;
            promptLogits = new float[0];
            try {
                while (computed(generation)) {
                    onText.accept(generation.next());
                }
            } finally {
                cache.holds(prompt.with(generation.ids()));
            }
            Answer answer =
                    request.answer(
                            generation.transcript(), all -> generation.timings(round.encode()));
            if (answer.finishReason() != FinishReason.CANCELLED || !answer.text().isEmpty()) {
                conversation = round.asked().with(Turn.assistant(withoutMarkers(answer.text())));
                images = round.images();
                scales = round.scales();
            }
            return answer;
        }
    }

    private boolean computed(Generation generation) {
        try {
            return generation.hasNext();
        } catch (RuntimeException e) {
            cache.spoil();
            throw e;
        }
    }

    /** The model may write a marker; in the next prompt it would be a slot without a picture. */
    static String withoutMarkers(String text) {
        String rest = text;
        while (rest.contains(MARKER)) { // what one leaves behind may be another
            rest = rest.replace(MARKER, "");
        }
        return rest;
    }

    /** Keeps the conversation open during each pass, and its cache beyond the answer. */
    private final class Kept implements LogitSource {

        private final LogitSource source;

        Kept(LogitSource source) {
            this.source = source;
        }

        @Override
        public float[] prefill() {
            promptLogits = lifetime.during(source::prefill);
            return promptLogits.clone();
        }

        @Override
        public float[] step(long id) {
            return lifetime.during(() -> source.step(id));
        }

        @Override
        public void close() {
            source.close();
        }
    }

    /**
     * Takes the last question and its answer back, so that it can be asked otherwise; what was read before
     * them stays.
     *
     * @throws IllegalStateException if nothing was asked, this was closed, or a question is being answered
     */
    public void undo() {
        alone(() -> lifetime.during(this::takeBack));
    }

    private Conversation takeBack() {
        List<Turn> turns = conversation.turns();
        if (turns.isEmpty()) {
            throw new IllegalStateException("the conversation has no question to take back");
        }
        int kept = turns.size() - 2;
        int shown = M3Tokenizer.imageMarkers(turns.get(kept).text());
        conversation = new Conversation(conversation.system(), turns.subList(0, kept));
        images = images.subList(0, images.size() - shown);
        scales = scales.subList(0, scales.size() - shown);
        return conversation;
    }

    /**
     * @return what was asked and answered, questions with an {@code <image>} for each picture; answers
     *     without any
     */
    public Conversation conversation() {
        return conversation;
    }

    /**
     * @return the pictures of the conversation, in the order they were shown
     */
    public List<EncodedImage> images() {
        return images;
    }

    /**
     * @return the scales of each
     */
    public List<ImageScales> scales() {
        return scales;
    }

    /**
     * The last prompt, the whole conversation up to the answer. {@link M3Model#logits(List, long[], List)
     * model.logits(images(), promptIds(), scales())} reads it from nothing; its last row is {@link
     * #promptLogits} up to the order of sums.
     *
     * @return ids, with −200 for each picture; none before the first question
     */
    public long[] promptIds() {
        return promptIds.clone();
    }

    /**
     * @return the logits [V] that the first id of the last answer was picked from; none if that prompt was
     *     not read to its end
     */
    public float[] promptLogits() {
        return promptLogits.clone();
    }

    /**
     * @return how many positions of the last prompt were in the cache and were not read again
     */
    public int reusedPositions() {
        return reusedPositions;
    }

    /** Waits for the pass that runs, and frees the cache. The pictures stay the caller's. */
    @Override
    public void close() {
        if (lifetime.close()) {
            cache.close();
        }
    }
}
