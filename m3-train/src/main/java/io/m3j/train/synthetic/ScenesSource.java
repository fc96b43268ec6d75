package io.m3j.train.synthetic;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.llm.Turn;
import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.data.Grounding;
import io.m3j.train.data.LabelMask;
import io.m3j.train.data.LabelledIds;
import io.m3j.vision.M3Image;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Scenes as examples to train on, drawn when they are asked for: one conversation a scene, the
 * picture before its first question, a turn for each question. The labels are the answers and what
 * ends them.
 *
 * <p>Does not own the tokenizer: whoever loaded it closes it, after the last example.
 */
public final class ScenesSource implements ExampleSource {

    /** What asks for a caption. */
    static final String CAPTION_PROMPT = "Describe the picture.";

    private final Scenes scenes;
    private final int count;
    private final int questions;
    private final M3Tokenizer tokenizer;
    private final LabelMask mask;
    private final int gridSide;
    private final boolean captions;
    private final boolean blank;
    private final Map<String, int[]> idsOfWords = new ConcurrentHashMap<>();

    /**
     * @param scenes to draw from
     * @param count how many of them, from the first
     * @param questions of each scene, 1 to 12, in a crowd to 10, or to 11 if it is asked for a number:
     *     the first of its list, or all of a scene that has fewer
     * @param tokenizer of the model to train
     * @param template of the model to train
     * @throws M3Exception if a number is out of its range
     */
    public ScenesSource(
            Scenes scenes,
            int count,
            int questions,
            M3Tokenizer tokenizer,
            PromptTemplate template) {
        this(scenes, count, questions, tokenizer, template, 0, false, false);
    }

    private ScenesSource(
            Scenes scenes,
            int count,
            int questions,
            M3Tokenizer tokenizer,
            PromptTemplate template,
            int gridSide,
            boolean captions,
            boolean blank) {
        this.gridSide = gridSide;
        this.scenes = required(scenes, "scenes");
        this.count = count;
        this.questions = questions;
        this.tokenizer = required(tokenizer, "tokenizer");
        this.mask = new LabelMask(template, tokenizer);
        this.captions = captions;
        this.blank = blank;
        if (count < 1) {
            throw new M3Exception("scenes: a count of 1 or more expected, found " + count);
        }
        int all = QuestionWriter.most(scenes.options());
        if (questions < 1 || questions > all) {
            throw new M3Exception(
                    "questions of a scene: 1 to " + all + " expected, found " + questions);
        }
    }

    /**
     * @param side patches along a side of the picture
     * @return the same examples, with the words for what lies under each patch
     */
    public ScenesSource grounded(int side) {
        if (side < 1) {
            throw new M3Exception("patches along a side: 1 or more expected, found " + side);
        }
        return new ScenesSource(
                scenes, count, questions, tokenizer, mask.template(), side, captions, blank);
    }

    /**
     * @return examples of the same pictures that ask for the caption, in place of questions
     */
    public ScenesSource captioned() {
        return new ScenesSource(
                scenes, count, questions, tokenizer, mask.template(), gridSide, true, blank);
    }

    /**
     * @return the same examples, each with a grey picture in place of its own and no words for patches: who
     *     learns from them learns what the text alone tells
     */
    public ScenesSource blank() {
        return new ScenesSource(
                scenes, count, questions, tokenizer, mask.template(), gridSide, captions, true);
    }

    @Override
    public int size() {
        return count;
    }

    @Override
    public Example get(int index) {
        Scene scene = scene(index);
        LabelledIds labelled = labelled(scene);
        M3Image picture = blank ? M3Image.blank() : M3Image.of(scene.picture());
        List<Grounding> groundings = gridSide > 0 && !blank ? List.of(grounding(scene)) : List.of();
        return new Example(
                scene.id(), labelled.ids(), labelled.labels(), List.of(picture), groundings);
    }

    @Override
    public int length(int index) {
        return labelled(scene(index)).ids().length - 1;
    }

    @Override
    public int pictures(int index) {
        return 1;
    }

    @Override
    public String fingerprint() {
        Object asked = captions ? "captions" : questions;
        Object facts = List.of(scenes.options(), count, asked, mask.template().name(), gridSide);
        return (blank ? "blank-scenes-v" : "scenes-v")
                + Scenes.VERSION
                + "-"
                + scenes.seed()
                + "-"
                + Integer.toHexString(facts.toString().hashCode());
    }

    private Grounding grounding(Scene scene) {
        IntStream.Builder patches = IntStream.builder();
        IntStream.Builder ids = IntStream.builder();
        List<List<String>> words = scene.patchWords(gridSide);
        for (int patch = 0; patch < words.size(); patch++) {
            for (String word : words.get(patch)) {
                for (int id : idsOfWords.computeIfAbsent(word, this::idsOf)) {
                    patches.add(patch);
                    ids.add(id);
                }
            }
        }
        return new Grounding(patches.build().toArray(), ids.build().toArray());
    }

    /**
     * A word as an answer gives it; of a letter or digit the id alone, unless it is said with the space before
     * it.
     */
    private int[] idsOf(String word) {
        long[] all = tokenizer.encodeWithoutSpecials(word.strip());
        int first = word.length() == 1 ? all.length - 1 : 0;
        return LongStream.of(all).skip(first).mapToInt(Math::toIntExact).toArray();
    }

    private Scene scene(int index) {
        return scenes.scene(Objects.checkIndex(index, count));
    }

    private Turn[] turns(Scene scene) {
        String image = M3Tokenizer.IMAGE_MARKER + "\n";
        if (captions) {
            return new Turn[] {Turn.user(image + CAPTION_PROMPT), Turn.assistant(scene.caption())};
        }
        List<Turn> turns = new ArrayList<>();
        List<Question> all = scene.questions();
        for (Question question : all.subList(0, Math.min(questions, all.size()))) {
            turns.add(Turn.user((turns.isEmpty() ? image : "") + question.text()));
            turns.add(Turn.assistant(question.answer()));
        }
        return turns.toArray(Turn[]::new);
    }

    /** What the model is to write: the answers and what ends them. */
    private LabelledIds labelled(Scene scene) {
        LabelledIds labelled = mask.apply(Conversation.of(turns(scene)), true);
        labelled.mismatch()
                .ifPresent(
                        why -> {
                            throw new M3Exception(scene.id() + ": " + why);
                        });
        return labelled;
    }
}
