package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.llm.PromptTemplate.Style;
import io.m3j.llm.Turn;
import io.m3j.llm.Turn.Role;
import io.m3j.llm.tokenizer.Whitespace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.LongStream;

/**
 * Which ids of a conversation a model learns to write: the {@code preprocess} of LLaVA's train.py,
 * id for id and label for label, quirks included, since checkpoints were trained so.
 *
 * <p>It tokenizes the conversation as a whole and then each round of question and answer alone, to
 * learn where the answers stand. Where the counts disagree the reference masks every label and prints
 * a warning; here the labels are the same, and {@link LabelledIds#mismatch} says why. Two things
 * differ. Nothing is cut to the model's length here, for the pictures have yet to be put in. And a
 * mismatch is found at any length, where the reference does not look beyond the model's and shifts
 * labels.
 *
 * <p>Immutable; safe for use by several threads. The tokenizer stays the caller's to close.
 */
public final class LabelMask {

    private static final String IMAGE = M3Tokenizer.IMAGE_MARKER;
    private static final String SIGNAL = "### ";

    private final PromptTemplate template;
    private final M3Tokenizer tokenizer;

    /**
     * @param template writes the conversation down
     * @param tokenizer stays open as long as this is used
     */
    public LabelMask(PromptTemplate template, M3Tokenizer tokenizer) {
        this.template = required(template, "template");
        this.tokenizer = required(tokenizer, "tokenizer");
    }

    /**
     * @return what writes the conversation down
     */
    public PromptTemplate template() {
        return template;
    }

    /**
     * Puts pictures before the text of their turns: LLaVA's {@code preprocess_multimodal}. However
     * many markers a turn has, one remains.
     *
     * @param conversation with its pictures anywhere
     * @return the same with the pictures first
     */
    public Conversation imagesFirst(Conversation conversation) {
        List<Turn> turns = conversation.turns().stream().map(this::imageFirst).toList();
        return new Conversation(conversation.system(), turns);
    }

    /**
     * As {@link #imagesFirst}, but several markers in one turn stay where they are: what LLaVA-NeXT
     * does for examples of several pictures.
     *
     * @param conversation with its pictures anywhere
     * @return the same, a turn's only picture first
     */
    public Conversation lonelyImagesFirst(Conversation conversation) {
        List<Turn> turns = new ArrayList<>();
        for (Turn turn : conversation.turns()) {
            boolean lonely = turn.text().indexOf(IMAGE) == turn.text().lastIndexOf(IMAGE);
            turns.add(lonely ? imageFirst(turn) : turn);
        }
        return new Conversation(conversation.system(), turns);
    }

    private Turn imageFirst(Turn turn) {
        if (!turn.text().contains(IMAGE)) {
            return turn;
        }
        String rest = Whitespace.strip(turn.text().replace(IMAGE, ""));
        String text = Whitespace.strip(IMAGE + "\n" + rest);
        if (template.version().contains("mmtag")) {
            text = text.replace(IMAGE, "<Image>" + IMAGE + "</Image>");
        }
        return new Turn(turn.role(), text, false);
    }

    /**
     * Tokenizes a conversation and masks what the model is not to write.
     *
     * @param conversation each turn with its text. Except for a plain template, an opening turn of
     *     the assistant is left out
     * @param hasImage whether {@code <image>} in a text means a picture; else it is a text like any
     * @return ids and labels
     * @throws M3Exception if the turns are not such as the template can write
     */
    public LabelledIds apply(Conversation conversation, boolean hasImage) {
        if (conversation.turns().isEmpty()) {
            throw new M3Exception("expected a conversation of at least one turn, found none");
        }
        if (template.style() == Style.PLAIN) {
            return plain(conversation.turns());
        }
        boolean llama2 = template.style() == Style.LLAMA_2;
        boolean mpt = template.version().equals("mpt");
        if (!llama2 && !mpt && !template.version().startsWith("v1")) {
            return signalled(conversation, hasImage);
        }
        Conversation alternating = alternating(conversation);
        String prompt = template.prompt(alternating);
        long[] ids = encode(prompt, hasImage);
        Rounds rounds = llama2 ? llama2Rounds(prompt) : mpt ? mptRounds(prompt) : v1Rounds(prompt);
        return masked(ids, rounds, alternating, hasImage);
    }

    private long[] encode(String text, boolean hasImage) {
        return hasImage ? tokenizer.encodeWithImages(text) : tokenizer.encode(text);
    }

    /** Ids that are not padding: LLaVA pads with the unknown token, so that one counts as padding. */
    private int countWithoutPadding(long[] ids) {
        return (int) LongStream.of(ids).filter(id -> id != tokenizer.unkId()).count();
    }

    private Conversation alternating(Conversation conversation) {
        List<Turn> turns = conversation.turns();
        int first = turns.get(0).role() == Role.USER ? 0 : 1;
        for (int i = first; i < turns.size(); i++) {
            Role expected = (i - first) % 2 == 0 ? Role.USER : Role.ASSISTANT;
            if (turns.get(i).role() != expected) {
                throw new M3Exception(
                        "turn "
                                + (i + 1)
                                + ": expected "
                                + spoken(expected)
                                + ", found "
                                + spoken(turns.get(i).role())
                                + "; questions and answers must alternate");
            }
        }
        return new Conversation(conversation.system(), turns.subList(first, turns.size()));
    }

    private static String spoken(Role role) {
        return role == Role.USER ? "a question (human)" : "an answer (gpt)";
    }

    /**
     * A prompt in rounds, and how their ids are counted.
     *
     * @param texts the rounds; an empty one ends them
     * @param answerMark parts question from answer in each; a round with none or several ends them
     * @param start ids before the first round
     * @param unlearned ids at the end of a question that are learned, as their tokens merge with the
     *     answer's or with BOS
     * @param correction what a round after the first has more when it stands among the others
     */
    private record Rounds(
            List<String> texts, String answerMark, int start, int unlearned, int correction) {}

    private Rounds v1Rounds(String prompt) {
        return new Rounds(
                split(prompt, template.secondSeparator()),
                template.separator() + template.assistantRole() + ": ",
                1,
                2,
                tokenizer.legacy().orElse(true) ? 0 : -1);
    }

    private Rounds llama2Rounds(String prompt) {
        return new Rounds(split(prompt, template.secondSeparator()), "[/INST] ", 1, 2, 0);
    }

    private Rounds mptRounds(String prompt) {
        String separator = template.separator();
        List<String> parts = split(prompt, separator);
        List<String> rounds = new ArrayList<>();
        // System text, question and answer; then question and answer.
        for (int from = 0, to = 3; from < parts.size(); from = to, to += 2) {
            rounds.add(String.join(separator, parts.subList(from, Math.min(to, parts.size()))));
        }
        return new Rounds(
                rounds,
                separator + template.assistantRole(),
                0,
                1,
                tokenizer.legacy().orElse(false) ? 1 : 0);
    }

    private static List<String> split(String text, String separator) {
        return List.of(text.split(Pattern.quote(separator), -1));
    }

    private LabelledIds masked(
            long[] ids, Rounds rounds, Conversation conversation, boolean hasImage) {
        long[] labels = ids.clone();
        ignore(labels, 0, rounds.start());
        int counted = rounds.start();
        for (int i = 0; i < rounds.texts().size(); i++) {
            String round = rounds.texts().get(i);
            List<String> parts = split(round, rounds.answerMark());
            if (round.isEmpty() || parts.size() != 2) {
                break;
            }
            int correction = i == 0 ? 0 : rounds.correction();
            int length = encode(round, hasImage).length + correction;
            long[] question = encode(parts.get(0) + rounds.answerMark(), hasImage);
            ignore(labels, counted, counted + question.length - rounds.unlearned() + correction);
            counted += length;
        }
        ignore(labels, counted, labels.length);
        int found = countWithoutPadding(ids);
        if (counted == found) {
            return new LabelledIds(ids, labels, Optional.empty());
        }
        ignore(labels, 0, labels.length);
        String mismatch =
                "tokenization mismatch: "
                        + found
                        + " ids expected from the whole conversation, found "
                        + counted
                        + " by its rounds; "
                        + culprit(conversation, rounds.answerMark());
        return new LabelledIds(ids, labels, Optional.of(mismatch));
    }

    private static void ignore(long[] labels, int from, int to) {
        int end = Math.min(to, labels.length);
        if (from < end) {
            Arrays.fill(labels, from, end, Example.IGNORED);
        }
    }

    /** What in the turns most likely broke the count. */
    private String culprit(Conversation conversation, String answerMark) {
        List<Turn> turns = conversation.turns();
        List<String> marks = new ArrayList<>(template.stopStrings());
        marks.addAll(List.of(answerMark, "<unk>"));
        for (int i = 0; i < turns.size(); i++) {
            for (String mark : marks) {
                // Surrounded, as the template does: an answer that begins with a mark has it too.
                if (!mark.isBlank() && (" " + turns.get(i).text() + " ").contains(mark)) {
                    return "turn " + (i + 1) + " of these has \"" + mark + "\" in its text";
                }
            }
        }
        if (turns.size() % 2 == 1) {
            return "the last question has no answer";
        }
        if (turns.stream().anyMatch(turn -> turn.text().isEmpty())) {
            return "a turn is empty";
        }
        return "does template " + template.name() + " fit this tokenizer?";
    }

    /** {@code preprocess_plain}: a picture and its caption, without any question. */
    private LabelledIds plain(List<Turn> turns) {
        if (turns.size() != 2 || !turns.get(0).text().contains(IMAGE)) {
            throw new M3Exception(
                    "template "
                            + template.name()
                            + ": expected a turn with "
                            + IMAGE
                            + " and its caption, found "
                            + turns.size()
                            + " turns, the first "
                            + (turns.get(0).text().contains(IMAGE) ? "with" : "without")
                            + " a picture");
        }
        long[] ids = tokenizer.encodeWithImages(IMAGE + turns.get(1).text() + template.separator());
        long[] labels = ids.clone();
        ignore(labels, 0, tokenizer.encodeWithImages(IMAGE).length);
        return new LabelledIds(ids, labels, Optional.empty());
    }

    /**
     * The oldest form, of templates v0 and the like: each turn between {@code ###} and a line's end.
     * Each is counted with a BOS of its own, so that the mask drifts by one id a turn: as there.
     */
    private LabelledIds signalled(Conversation conversation, boolean hasImage) {
        String header = conversation.system().orElse(template.system()) + "\n\n";
        StringBuilder text = new StringBuilder(header);
        int[] lengths = new int[conversation.turns().size()];
        for (int i = 0; i < lengths.length; i++) {
            Turn turn = conversation.turns().get(i);
            boolean user = turn.role() == Role.USER;
            String role = user ? template.userRole() : template.assistantRole();
            String signalled = SIGNAL + role + ": " + turn.text() + "\n";
            text.append(signalled);
            lengths[i] = signalledLength(signalled, hasImage);
        }
        long[] ids = encode(text.append(SIGNAL).toString(), hasImage);
        long[] labels = ids.clone();
        int position = signalledLength(header, hasImage);
        ignore(labels, 0, position);
        for (int i = 0; i < lengths.length; i++) {
            if (conversation.turns().get(i).role() == Role.USER) {
                ignore(labels, position + 2, position + lengths[i]);
            }
            position += lengths[i];
        }
        return new LabelledIds(ids, labels, Optional.empty());
    }

    private int signalledLength(String text, boolean hasImage) {
        long[] ids = encode(text, hasImage);
        return hasImage ? ids.length : countWithoutPadding(ids);
    }
}
