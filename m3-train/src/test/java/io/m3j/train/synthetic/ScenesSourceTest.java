package io.m3j.train.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.PromptTemplate;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class ScenesSourceTest {

    private static final Path RECIPE = Path.of("..", "examples", "recipes", "m3j-tiny");
    private static final M3Tokenizer TOKENIZER = M3Tokenizer.load(RECIPE);
    private static final PromptTemplate VICUNA = PromptTemplate.named("vicuna_v1");
    private static final Scenes SCENES = Scenes.of(3);

    private final ScenesSource source = new ScenesSource(SCENES, 50, 4, TOKENIZER, VICUNA);

    @AfterAll
    static void close() {
        TOKENIZER.close();
    }

    @Test
    void beginsWithTheIdsThatTheModelIsAskedWith() {
        for (int i = 0; i < source.size(); i++) {
            String first = SCENES.scene(i).questions().get(0).text();
            long[] asked =
                    TOKENIZER.encodeWithImages(
                            VICUNA.prompt(Conversation.ask("<image>\n" + first)));
            Example example = source.get(i);

            assertThat(example.ids()).startsWith(asked);
            assertThat(example.labels()[asked.length - 1]).isEqualTo(Example.IGNORED);
            assertThat(example.labels()[asked.length]).isNotEqualTo(Example.IGNORED);
        }
    }

    @Test
    void labelsTheAnswersAndWhatEndsThem() {
        for (int i = 0; i < source.size(); i++) {
            Example example = source.get(i);
            List<String> answers = new ArrayList<>();
            StringBuilder answer = new StringBuilder();
            for (int j = 0; j < example.labels().length; j++) {
                long label = example.labels()[j];
                if (label == TOKENIZER.eosId()) {
                    answers.add(answer.toString().strip());
                    answer.setLength(0);
                } else if (label != Example.IGNORED) {
                    assertThat(label).isEqualTo(example.ids()[j]);
                    answer.append(TOKENIZER.decode(new long[] {label}, false)).append(' ');
                }
            }

            assertThat(answer).isEmpty();
            assertThat(answers.stream().map(text -> text.replace("  ", " ")))
                    .hasSize(4)
                    .zipSatisfy(
                            SCENES.scene(i).questions().subList(0, 4).stream()
                                    .map(Question::answer)
                                    .toList(),
                            (found, expected) ->
                                    assertThat(found.replace(" ", ""))
                                            .isEqualTo(expected.replace(" ", "")));
        }
    }

    @Test
    void writesTheWholeConversationAsTheTemplateDoes() {
        Example example = source.get(0);
        long[] text = Arrays.stream(example.ids()).filter(i -> i != M3Tokenizer.IMAGE_ID).toArray();
        List<Question> questions = SCENES.scene(0).questions();

        assertThat(TOKENIZER.decode(text, false))
                .startsWith("<s>")
                .contains("USER:")
                .contains(questions.get(3).text() + " ASSISTANT: " + questions.get(3).answer())
                .endsWith("</s>");
    }

    @Test
    void holdsThePictureOfItsScene() {
        assertThat(source.get(5).images()).containsExactly(M3Image.of(SCENES.scene(5).picture()));
    }

    @Test
    void tellsTheLengthWithoutThePicture() {
        assertThat(source.length(7)).isEqualTo(source.get(7).ids().length - 1);
    }

    @Test
    void itsFingerprintTellsItsSettingsApart() {
        List<String> prints =
                List.of(
                        source.fingerprint(),
                        new ScenesSource(Scenes.of(4), 50, 4, TOKENIZER, VICUNA).fingerprint(),
                        new ScenesSource(SCENES, 51, 4, TOKENIZER, VICUNA).fingerprint(),
                        new ScenesSource(SCENES, 50, 5, TOKENIZER, VICUNA).fingerprint(),
                        source.grounded(24).fingerprint(),
                        source.grounded(12).fingerprint());

        assertThat(prints).doesNotHaveDuplicates();
        assertThat(new ScenesSource(Scenes.of(3), 50, 4, TOKENIZER, VICUNA).fingerprint())
                .isEqualTo(source.fingerprint());
    }

    @Test
    void saysWhatLiesUnderThePatches() {
        Example example = source.grounded(24).get(7);
        assertThat(source.get(7).groundings()).isEmpty();
        assertThat(example.ids()).isEqualTo(source.get(7).ids());
        List<List<String>> words = SCENES.scene(7).patchWords(24);
        Grounding grounding = example.groundings().get(0);
        List<List<String>> read = new ArrayList<>(Collections.nCopies(576, List.of()));
        for (int i = 0; i < grounding.patches().length; i++) {
            String piece = TOKENIZER.decode(new long[] {grounding.ids()[i]}, false).strip();
            List<String> longer = new ArrayList<>(read.get(grounding.patches()[i]));
            longer.add(piece);
            read.set(grounding.patches()[i], longer);
        }
        // Every word of the scenes is one piece of this tokenizer; a first digit has one for its
        // space, too.
        assertThat(read).isEqualTo(words.stream().map(ScenesSourceTest::pieces).toList());
    }

    private static List<String> pieces(List<String> words) {
        return words.stream()
                .flatMap(word -> Stream.of(word.split("(?<= )")))
                .map(String::strip)
                .toList();
    }

    @Test
    void aFirstDigitHasTheIdsThatAnAnswerBeginsWith() {
        ScenePlan.Text number = SCENES.scene(7).plan().readables().get(2);
        long[] answer = TOKENIZER.encodeWithoutSpecials(number.text());
        long kind = TOKENIZER.encodeWithoutSpecials(number.kind().word())[0];
        double aside = number.spot().halfWidth() / 2;
        Grounding grounding = source.grounded(24).get(7).groundings().get(0);
        assertThat(idsAt(grounding, number.spot().x() - aside, number.spot().y()))
                .startsWith(kind, answer[0], answer[1]);
        assertThat(idsAt(grounding, number.spot().x() + aside, number.spot().y()))
                .startsWith(kind, answer[2]);
    }

    private static long[] idsAt(Grounding grounding, double x, double y) {
        return IntStream.range(0, grounding.patches().length)
                .filter(i -> grounding.patches()[i] == patchAt(x, y))
                .mapToLong(i -> grounding.ids()[i])
                .toArray();
    }

    @Test
    void aCrowdThatIsAskedForANumberHasOneQuestionMore() {
        Scenes crowd = Scenes.of(3, SceneOptions.crowd(3, true));
        assertThat(new ScenesSource(crowd, 1, 11, TOKENIZER, VICUNA).get(0).images()).hasSize(1);
        assertThatThrownBy(() -> new ScenesSource(crowd, 1, 12, TOKENIZER, VICUNA))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("1 to 11 expected, found 12");
    }

    @Test
    void aPatchOfAThingHasItsKindAndColour() {
        for (int i = 0; i < 50; i++) {
            ScenePlan plan = SCENES.scene(i).plan();
            List<List<String>> words = SCENES.scene(i).patchWords(24);
            var big = plan.big();
            assertThat(at(words, big.spot().x(), big.spot().y()))
                    .startsWith(big.kind().word(), big.colour().word());
            var number = plan.readables().get(2);
            double aside = number.spot().halfWidth() / 2;
            assertThat(at(words, number.spot().x() - aside, number.spot().y()))
                    .contains(" " + number.text().substring(0, 1));
            assertThat(at(words, number.spot().x() + aside, number.spot().y()))
                    .contains(number.text().substring(1));
            assertThat(words).anySatisfy(w -> assertThat(w).contains(plan.place().word()));
        }
    }

    @Test
    void aPatchAnswersHowManyAndInWhichQuarter() {
        int quarters = 0;
        int counts = 0;
        for (int i = 0; i < 50; i++) {
            Scene scene = SCENES.scene(i);
            ScenePlan plan = scene.plan();
            List<List<String>> words = scene.patchWords(24);
            for (Question question : scene.questions()) {
                if (question.family() == Family.RELATION && question.answer().contains(" ")) {
                    ScenePlan.Spot spot =
                            question.text().contains("big object")
                                    ? plan.big().spot()
                                    : named(plan, question.text());
                    assertThat(at(words, spot.x(), spot.y()))
                            .containsSubsequence(question.answer().split(" "));
                    quarters++;
                }
                for (ScenePlan.Counted thing : plan.counted()) {
                    boolean asked = question.text().contains(thing.kind().plural());
                    if (question.family() == Family.COUNT && asked) {
                        assertThat(at(words, thing.spot().x(), thing.spot().y()))
                                .containsExactly(
                                        thing.kind().plural(),
                                        thing.colour().word(),
                                        question.answer());
                        counts++;
                    }
                }
            }
        }
        assertThat(quarters).isGreaterThan(20);
        assertThat(counts).isGreaterThan(100);
    }

    @Test
    void captionsAreAskedForInPlaceOfQuestions() {
        ScenesSource captions = source.captioned();
        for (int i = 0; i < 20; i++) {
            Example example = captions.get(i);
            long[] said =
                    LongStream.of(example.labels())
                            .filter(label -> label != Example.IGNORED)
                            .toArray();
            assertThat(TOKENIZER.decode(said, true).strip()).isEqualTo(SCENES.scene(i).caption());
            assertThat(captions.length(i)).isEqualTo(example.ids().length - 1);
            assertThat(example.images()).hasSize(1);
        }
        assertThat(captions.fingerprint()).isNotEqualTo(source.fingerprint());
        assertThat(source.grounded(24).captioned().get(3).groundings()).hasSize(1);
    }

    @Test
    void blankScenesHaveTheTextOfTheOthersAndNothingToSee() {
        Example blank = source.blank().get(5);
        assertThat(blank.ids()).isEqualTo(source.get(5).ids());
        assertThat(blank.labels()).isEqualTo(source.get(5).labels());
        assertThat(blank.images()).containsExactly(M3Image.blank());
        assertThat(source.blank().grounded(24).get(5).groundings()).isEmpty();
        assertThat(source.grounded(24).blank().get(5).groundings()).isEmpty();
        assertThat(source.blank().fingerprint()).isNotEqualTo(source.fingerprint());
    }

    @Test
    void aCrowdSaysNeitherHowManyNorWhere() {
        Scenes crowd = Scenes.of(3, SceneOptions.crowd());
        for (int i = 0; i < 20; i++) {
            assertThat(crowd.scene(i).patchWords(24))
                    .allSatisfy(
                            said ->
                                    assertThat(said)
                                            .doesNotContainAnyElementsOf(Words.NUMBERS)
                                            .doesNotContain("top", "bottom", "left", "right"));
        }
    }

    /** Where the small shape or the thing to read is that a question names. */
    private static ScenePlan.Spot named(ScenePlan plan, String text) {
        return Stream.concat(
                        plan.shapes().stream()
                                .filter(small -> text.contains(small.shape().word()))
                                .map(ScenePlan.Small::spot),
                        plan.readables().stream()
                                .filter(readable -> text.contains(readable.kind().word()))
                                .map(ScenePlan.Text::spot))
                .findFirst()
                .orElseThrow();
    }

    /** The words of the patch whose middle is nearest. */
    private static List<String> at(List<List<String>> words, double x, double y) {
        return words.get(patchAt(x, y));
    }

    private static int patchAt(double x, double y) {
        int column = (int) Math.min(23, Math.max(0, Math.floor(x / 14)));
        int row = (int) Math.min(23, Math.max(0, Math.floor(y / 14)));
        return row * 24 + column;
    }

    /** All things stand along one diagonal, so that none is to the left, right, above or below another. */
    @Test
    void ofASceneWithFewerQuestionsAllAreAsked() {
        Scenes scenes = Scenes.of(99);
        int index = 399_314;
        assertThat(scenes.scene(index).questions()).hasSize(11);
        Example all = new ScenesSource(scenes, index + 1, 12, TOKENIZER, VICUNA).get(index);
        assertThat(LongStream.of(all.labels()).filter(label -> label == TOKENIZER.eosId()))
                .hasSize(11);
        Example some = new ScenesSource(scenes, index + 1, 4, TOKENIZER, VICUNA).get(index);
        assertThat(all.ids()).startsWith(some.ids());
    }

    @Test
    void itsFingerprintNamesTheVersionOfTheScenes() {
        assertThat(source.fingerprint()).startsWith("scenes-v" + Scenes.VERSION + "-3-");
    }

    @Test
    void refusesWhatItCannotDo() {
        assertThatThrownBy(() -> new ScenesSource(SCENES, 0, 4, TOKENIZER, VICUNA))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("1 or more expected, found 0");
        assertThatThrownBy(() -> new ScenesSource(SCENES, 5, 13, TOKENIZER, VICUNA))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("1 to 12 expected, found 13");
    }
}
