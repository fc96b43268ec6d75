package io.m3j.train.synthetic;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.train.synthetic.ScenePlan.Spot;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The answers are right, the only right ones, and not to be had without the picture. */
class SceneAnswersTest {

    private static final int COUNT = 2000;
    private static final Scenes SCENES = Scenes.of(Split.VALIDATION.first());

    @Test
    void countsAreThoseOfThePlan() {
        each(
                Family.COUNT,
                (plan, question) -> {
                    CountedThing kind =
                            only(
                                    CountedThing.ALL.stream()
                                            .filter(k -> names(question, k.plural())));
                    int number = Words.NUMBERS.indexOf(question.answer());
                    assertThat(plan.counted().stream().filter(t -> t.kind() == kind))
                            .hasSize(number);
                });
    }

    @Test
    void aReadingNamesOneThingAndSaysWhatIsOnIt() {
        each(
                Family.READING,
                (plan, question) -> {
                    ScenePlan.Text text =
                            only(
                                    plan.readables().stream()
                                            .filter(t -> names(question, t.kind().word())));
                    assertThat(text.text()).isEqualTo(question.answer());
                });
    }

    @Test
    void anAttributeNamesOneShapeByItsFormOrItsColour() {
        each(Family.ATTRIBUTE, SceneAnswersTest::checkAttribute);
    }

    /** Who has read all other questions and answers of a crowd knows nothing of this one's shape. */
    @ParameterizedTest
    @ValueSource(ints = {0, SceneOptions.USUAL_FORMS_ASKED, 6})
    void ofACrowdEachShapeIsAskedForOneThing(int forms) {
        Scenes crowd = Scenes.of(SCENES.seed(), SceneOptions.crowd(forms, false));
        for (int i = 0; i < COUNT; i++) {
            Scene scene = crowd.scene(i);
            List<Question> attributes =
                    scene.questions().stream()
                            .filter(question -> question.family() == Family.ATTRIBUTE)
                            .toList();
            attributes.forEach(question -> checkAttribute(scene.plan(), question));
            assertThat(
                            attributes.stream()
                                    .map(question -> shape(scene.plan(), question))
                                    .distinct())
                    .hasSize(6);
            assertThat(attributes.stream().filter(q -> q.text().contains("color")))
                    .hasSize(6 - forms);
            assertThat(scene.questions()).hasSize(10);
        }
    }

    /** What is asked for is there once, or not at all, and all else with a number is of the other kind. */
    @Test
    void ofACrowdANumberIsAskedForThatMayBeMissing() {
        Scenes crowd = Scenes.of(SCENES.seed(), SceneOptions.crowd(3, true));
        int missing = 0;
        int others = 0;
        for (int i = 0; i < COUNT; i++) {
            Scene scene = crowd.scene(i);
            Question asked =
                    only(
                            scene.questions().stream()
                                    .filter(question -> question.family() == Family.READING));
            List<ScenePlan.Text> numbers =
                    scene.plan().readables().stream()
                            .filter(text -> text.kind().hasNumber())
                            .toList();
            List<ScenePlan.Text> named =
                    numbers.stream().filter(t -> names(asked, t.kind().word())).toList();
            assertThat(named).hasSizeLessThanOrEqualTo(1);
            String answer = named.isEmpty() ? "no number" : named.get(0).text();
            assertThat(asked.answer()).isEqualTo(answer);
            assertThat(scene.questions()).hasSize(11);
            assertThat(scene.caption()).containsOnlyOnce(" says " + answer + ".");
            missing += named.isEmpty() ? 1 : 0;
            others += numbers.size() - named.size();
        }
        assertThat(missing).isBetween(COUNT * 22 / 100, COUNT * 28 / 100);
        // 11.25 cells are left on average, six of ten of them numbers.
        assertThat(others).isBetween(6 * COUNT, 7 * COUNT);
    }

    /** Where it is missing nothing else with a number is there, and there are two words to read in any scene. */
    @Test
    void aNumberIsAskedForThatMayBeMissing() {
        Scenes scenes = Scenes.of(SCENES.seed(), SceneOptions.numbers());
        int missing = 0;
        for (int i = 0; i < COUNT; i++) {
            Scene scene = scenes.scene(i);
            Readable kind = scene.plan().numbered().orElseThrow();
            List<Question> read =
                    scene.questions().stream().filter(q -> q.family() == Family.READING).toList();
            assertThat(read).hasSize(2);
            Question asked = only(read.stream().filter(q -> names(q, kind.word())));
            Question other = only(read.stream().filter(q -> q != asked));
            List<ScenePlan.Text> numbers = new ArrayList<>(scene.plan().readables());
            List<ScenePlan.Text> words =
                    numbers.stream().filter(text -> !text.kind().hasNumber()).toList();
            numbers.removeAll(words);
            String answer = numbers.isEmpty() ? "no number" : only(numbers.stream()).text();
            assertThat(asked.answer()).isEqualTo(answer);
            assertThat(words).hasSize(2);
            ScenePlan.Text word = only(words.stream().filter(t -> names(other, t.kind().word())));
            assertThat(other.answer()).isEqualTo(word.text());
            assertThat(scene.questions()).hasSizeBetween(11, 12);
            assertThat(scene.caption()).containsOnlyOnce(" says " + answer + ".");
            missing += numbers.isEmpty() ? 1 : 0;
        }
        assertThat(missing).isBetween(COUNT * 22 / 100, COUNT * 28 / 100);
    }

    private static void checkAttribute(ScenePlan plan, Question question) {
        ScenePlan.Small small = shape(plan, question);
        boolean byForm = names(question, small.shape().word());
        assertThat(question.answer())
                .isEqualTo(byForm ? small.colour().word() : small.shape().word());
    }

    /** The one shape of which a question names form or colour. */
    static ScenePlan.Small shape(ScenePlan plan, Question question) {
        return only(
                plan.shapes().stream()
                        .filter(
                                small ->
                                        names(question, small.shape().word())
                                                || names(question, small.colour().word())));
    }

    @Test
    void aRelationHoldsByAWideMargin() {
        each(
                Family.RELATION,
                (plan, question) -> {
                    Map<String, Spot> named = new TreeMap<>();
                    Stream.concat(
                                    plan.readables().stream()
                                            .map(t -> Map.entry(t.kind().word(), t.spot())),
                                    plan.shapes().stream()
                                            .map(s -> Map.entry(s.shape().word(), s.spot())))
                            .filter(entry -> names(question, entry.getKey()))
                            .forEach(entry -> named.put(entry.getKey(), entry.getValue()));
                    if (question.text().contains("big object")) {
                        named.put("big object", plan.big().spot());
                    }
                    List<String> order = new ArrayList<>(named.keySet());
                    order.sort((a, b) -> question.text().indexOf(a) - question.text().indexOf(b));
                    if (order.size() == 1) {
                        Spot spot = named.get(order.get(0));
                        assertThat(question.answer().startsWith("top")).isEqualTo(spot.y() < 141);
                        assertThat(question.answer().startsWith("bottom"))
                                .isEqualTo(spot.y() > 195);
                        assertThat(question.answer().endsWith("left")).isEqualTo(spot.x() < 141);
                        assertThat(question.answer().endsWith("right")).isEqualTo(spot.x() > 195);
                        return;
                    }
                    assertThat(order).hasSize(2);
                    // "Where is A from B?", but "on which side of B is A?" and the like.
                    boolean reversed = !question.text().startsWith("W");
                    Spot a = named.get(order.get(reversed ? 1 : 0));
                    Spot b = named.get(order.get(reversed ? 0 : 1));
                    double right = a.x() - b.x();
                    double down = a.y() - b.y();
                    double along =
                            switch (question.answer()) {
                                case "left" -> -right;
                                case "right" -> right;
                                case "above" -> -down;
                                default -> down;
                            };
                    assertThat(question.answer()).isIn("left", "right", "above", "below");
                    assertThat(along).isGreaterThan(30);
                    assertThat(along)
                            .isGreaterThan(1.99 * Math.min(Math.abs(right), Math.abs(down)));
                });
    }

    @Test
    void backgroundAndObjectAreThoseOfThePlan() {
        each(
                Family.BACKGROUND,
                (plan, question) ->
                        assertThat(question.answer())
                                .isIn(plan.place().word(), plan.light().word()));
        each(
                Family.OBJECT,
                (plan, question) ->
                        assertThat(question.answer())
                                .isEqualTo(
                                        question.text().contains("color")
                                                ? plan.big().colour().word()
                                                : plan.big().kind().word()));
    }

    /** The best that can be done with the questions alone: always the answer most given to each. */
    @Test
    void aModelThatSeesNothingStaysLow() {
        Map<Family, Map<String, Map<String, Integer>>> given = new EnumMap<>(Family.class);
        for (int i = 0; i < COUNT; i++) {
            for (Question question : SCENES.scene(i).questions()) {
                given.computeIfAbsent(question.family(), f -> new HashMap<>())
                        .computeIfAbsent(form(question.text()), text -> new HashMap<>())
                        .merge(question.answer(), 1, Integer::sum);
            }
        }
        Map<Family, Double> ceiling = new EnumMap<>(Family.class);
        given.forEach(
                (family, forms) ->
                        ceiling.put(
                                family,
                                forms.values().stream()
                                                .mapToInt(
                                                        answers ->
                                                                Collections.max(answers.values()))
                                                .sum()
                                        / (2.0 * COUNT)));
        assertThat(ceiling.get(Family.BACKGROUND)).isBetween(.2, .27);
        assertThat(ceiling.get(Family.OBJECT)).isBetween(.09, .14);
        assertThat(ceiling.get(Family.COUNT)).isBetween(.16, .21);
        assertThat(ceiling.get(Family.RELATION)).isBetween(.24, .3);
        assertThat(ceiling.get(Family.ATTRIBUTE)).isBetween(.11, .17);
        assertThat(ceiling.get(Family.READING)).isBetween(.01, .06);
        double mean = ceiling.values().stream().mapToDouble(share -> share).average().orElseThrow();
        assertThat(mean).isLessThan(.18);
    }

    /** The question without the names in it. */
    private static String form(String text) {
        String form = text.replace("big object", "_");
        List<Named> names = new ArrayList<>();
        names.addAll(SmallShape.ALL);
        names.addAll(Colour.ALL);
        names.addAll(List.of(Readable.values()));
        for (Named name : names) {
            form = form.replaceAll("\\b" + name.word() + "\\b", "_");
        }
        for (CountedThing thing : CountedThing.ALL) {
            form = form.replace(thing.plural(), "_");
        }
        return form.replace("small _", "_");
    }

    private static boolean names(Question question, String name) {
        return question.text().matches(".*\\b" + name + "\\b.*");
    }

    private static <T> T only(Stream<T> found) {
        List<T> all = found.toList();
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private interface Check {
        void of(ScenePlan plan, Question question);
    }

    private static void each(Family family, Check check) {
        for (int i = 0; i < COUNT; i++) {
            Scene scene = SCENES.scene(i);
            for (Question question : scene.questions()) {
                if (question.family() == family) {
                    check.of(scene.plan(), question);
                }
            }
        }
    }
}
