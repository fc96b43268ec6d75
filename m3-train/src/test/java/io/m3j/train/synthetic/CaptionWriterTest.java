package io.m3j.train.synthetic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CaptionWriterTest {

    private static final Scenes SCENES = Scenes.of(7);

    @Test
    void tellsEveryFactOnce() {
        for (int i = 0; i < 200; i++) {
            Scene scene = SCENES.scene(i);
            ScenePlan plan = scene.plan();
            List<String> said = List.of(scene.caption().split("(?<=\\.) "));
            assertThat(said).doesNotHaveDuplicates();
            assertThat(said)
                    .contains(
                            "The background is a "
                                    + plan.place().word()
                                    + " at "
                                    + plan.light().word()
                                    + ".");
            assertThat(said)
                    .filteredOn(s -> s.startsWith("The big object"))
                    .singleElement()
                    .asString()
                    .endsWith(plan.big().colour().word() + " " + plan.big().kind().word() + ".");
            for (CountedThing kind : List.of(plan.firstKind(), plan.secondKind())) {
                assertThat(said)
                        .filteredOn(s -> s.contains(kind.plural()))
                        .singleElement()
                        .asString()
                        .contains(Words.NUMBERS.get(plan.count(kind)));
            }
            for (ScenePlan.Small small : plan.shapes()) {
                assertThat(said)
                        .filteredOn(
                                s -> s.startsWith("The small") && s.contains(small.shape().word()))
                        .singleElement()
                        .asString()
                        .contains(small.colour().word());
            }
            for (ScenePlan.Text text : plan.readables()) {
                assertThat(said)
                        .filteredOn(s -> s.startsWith("The " + text.kind().word()))
                        .singleElement()
                        .asString()
                        .endsWith(" says " + text.text() + ".");
            }
        }
    }

    /** What a caption tells of two things is what a question about them would be answered. */
    @Test
    void relationsAreThoseOfTheQuestions() {
        int told = 0;
        for (int i = 0; i < 200; i++) {
            Scene scene = SCENES.scene(i);
            List<QuestionWriter.Thing> things = QuestionWriter.things(scene.plan());
            for (String sentence : scene.caption().split("(?<=\\.) ")) {
                if (sentence.startsWith("From the ")) {
                    assertThat(QuestionWriter.pairs(things))
                            .extracting(
                                    p ->
                                            "From the "
                                                    + p.to()
                                                    + ", the "
                                                    + p.from()
                                                    + " is "
                                                    + p.side()
                                                    + ".")
                            .contains(sentence);
                    told++;
                }
            }
        }
        assertThat(told).isGreaterThan(500);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, SceneOptions.USUAL_FORMS_ASKED, 6})
    void ofACrowdItTellsTheWholeAndOfEachShapeWhatIsAsked(int forms) {
        Scene scene = Scenes.of(7, SceneOptions.crowd(forms, false)).scene(0);
        ScenePlan plan = scene.plan();
        assertThat(scene.caption().split("(?<=\\.) ")).hasSize(8);
        assertThat(scene.caption())
                .contains(plan.place().word(), plan.light().word(), plan.big().kind().word());
        for (Question question : scene.questions()) {
            if (question.family() == Family.ATTRIBUTE) {
                ScenePlan.Small small = SceneAnswersTest.shape(plan, question);
                String colour = small.colour().word();
                String shape = small.shape().word();
                boolean formAsked = question.answer().equals(shape);
                assertThat(scene.caption())
                        .contains(
                                "There is a small "
                                        + (formAsked
                                                ? colour + " " + shape
                                                : shape + " in " + colour)
                                        + ".");
            }
        }
    }
}
