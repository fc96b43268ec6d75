package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Small;
import io.m3j.train.synthetic.ScenePlan.Spot;
import io.m3j.train.synthetic.ScenePlan.Text;
import java.util.ArrayList;
import java.util.List;

/**
 * Says all that a picture shows, a sentence for each fact: where a thing is beside what it is, so that who
 * has read its name and found it has the rest. Sentences stand in an order of the scene's own, so that
 * none follows from the one before.
 */
final class CaptionWriter {

    private static final int RELATIONS = 3;

    private final ScenePlan plan;
    private final SceneRandom random;
    private final List<String> sentences = new ArrayList<>();

    private CaptionWriter(ScenePlan plan, SceneRandom random) {
        this.plan = plan;
        this.random = random;
    }

    /** The caption of a planned scene; of a crowd, what its questions ask for. */
    static String write(ScenePlan plan, SceneRandom random, SceneOptions options) {
        CaptionWriter writer = new CaptionWriter(plan, random);
        writer.tellTheWhole(options.crowded());
        if (options.crowded()) {
            writer.tellTheShapes(options);
        } else {
            writer.tellTheParts();
        }
        // What is there to read is among the parts of a scene already.
        plan.numbered()
                .filter(kind -> options.crowded() || plan.isMissing(kind))
                .ifPresent(writer::tellNumber);
        random.shuffle(writer.sentences);
        return String.join(" ", writer.sentences);
    }

    private void tellTheWhole(boolean crowded) {
        sentences.add(
                "The background is a " + plan.place().word() + " at " + plan.light().word() + ".");
        String where = crowded ? "" : where(plan.big().spot());
        String thing = a(plan.big().colour()) + " " + plan.big().kind().word() + ".";
        sentences.add("The big object" + where + " is " + thing);
    }

    /**
     * What the questions of a crowd ask for, with the answer right behind the name: to look it up is then one
     * step, from the name to the patch.
     */
    private void tellTheShapes(SceneOptions options) {
        List<Small> shapes = plan.shapes();
        for (int i = 0; i < shapes.size(); i++) {
            String colour = shapes.get(i).colour().word();
            String shape = shapes.get(i).shape().word();
            sentences.add(
                    options.asksForm(i)
                            ? "There is a small " + colour + " " + shape + "."
                            : "There is a small " + shape + " in " + colour + ".");
        }
    }

    private void tellNumber(Readable kind) {
        sentences.add("The " + kind.word() + " says " + plan.numberOn(kind) + ".");
    }

    private void tellTheParts() {
        for (CountedThing kind : List.of(plan.firstKind(), plan.secondKind())) {
            int count = plan.count(kind);
            String number = Words.NUMBERS.get(count);
            // Kind or number first, so that each is told from the other.
            boolean numberFirst = random.coin() && count != 1;
            sentences.add(
                    numberFirst
                            ? "There are " + number + " " + kind.plural() + "."
                            : "The number of " + kind.plural() + " is " + number + ".");
        }
        for (Small small : plan.shapes()) {
            String colour = small.colour().word();
            String shape = small.shape().word();
            String where = where(small.spot());
            sentences.add(
                    random.coin()
                            ? "The small " + shape + where + " is " + colour + "."
                            : "The small " + colour + " shape" + where + " is a " + shape + ".");
        }
        for (Text text : plan.readables()) {
            sentences.add(
                    "The "
                            + text.kind().word()
                            + where(text.spot())
                            + " says "
                            + text.text()
                            + ".");
        }
        List<QuestionWriter.Pair> pairs = QuestionWriter.pairs(QuestionWriter.things(plan));
        random.shuffle(pairs);
        for (QuestionWriter.Pair pair : pairs.subList(0, Math.min(RELATIONS, pairs.size()))) {
            sentences.add(
                    "From the " + pair.to() + ", the " + pair.from() + " is " + pair.side() + ".");
        }
    }

    private static String where(Spot spot) {
        List<String> sides = QuestionWriter.sides(spot);
        return sides.isEmpty() ? "" : " at the " + String.join(" ", sides);
    }

    private static String a(Colour colour) {
        return (colour == Colour.ORANGE ? "an " : "a ") + colour.word();
    }
}
