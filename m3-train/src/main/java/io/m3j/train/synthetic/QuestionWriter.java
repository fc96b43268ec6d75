package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Small;
import io.m3j.train.synthetic.ScenePlan.Spot;
import io.m3j.train.synthetic.ScenePlan.Text;
import java.util.ArrayList;
import java.util.List;

/**
 * Asks two questions of each family about a planned scene; in a crowd, of the background, the big object
 * and the small shapes. In either, if so wanted, of a number that may be missing. A question has one right answer,
 * and its text does not tell the answer of another: the big object is never named, and of the three small
 * shapes one is asked for its colour, one for its form, and one is named where places are asked for. With
 * one exception: where a number may be missing, a relation may name what it is on, which tells that it is there.
 */
final class QuestionWriter {

    private static final int MIDDLE = ScenePlanner.SIDE / 2;

    /** A thing is in a quarter if its middle is this far from the others, in pixels. */
    private static final int CLEAR = 28;

    /** A thing is beside another if it is that many times farther to the side than up or down. */
    private static final double STEEP = 2;

    private final ScenePlan plan;
    private final SceneRandom random;
    private final List<Question> questions = new ArrayList<>();

    /** A thing that a question can name, and where it is. */
    record Thing(String name, Spot spot) {}

    /** The side on which one thing lies, seen from another. */
    record Pair(String from, String to, String side) {}

    private QuestionWriter(ScenePlan plan, SceneRandom random) {
        this.plan = plan;
        this.random = random;
    }

    /** How many questions a scene has; fewer where nothing is clearly beside another thing. */
    static int most(SceneOptions options) {
        if (options.crowded()) {
            return options.numberAsked() ? 11 : 10;
        }
        return 12;
    }

    static List<Question> write(ScenePlan plan, SceneRandom random, SceneOptions options) {
        QuestionWriter writer = new QuestionWriter(plan, random);
        writer.askOfTheWhole();
        if (options.crowded()) {
            writer.askOfTheShapes(options);
        } else {
            writer.askOfTheParts();
        }
        plan.numbered().ifPresent(writer::askNumber);
        random.shuffle(writer.questions);
        return List.copyOf(writer.questions);
    }

    private void askOfTheWhole() {
        ask(Family.BACKGROUND, Phrasings.PLACE, plan.place().word());
        ask(Family.BACKGROUND, Phrasings.LIGHT, plan.light().word());
        ask(Family.OBJECT, Phrasings.BIG_KIND, plan.big().kind().word());
        ask(Family.OBJECT, Phrasings.BIG_COLOUR, plan.big().colour().word());
    }

    private void askOfTheParts() {
        for (CountedThing kind : List.of(plan.firstKind(), plan.secondKind())) {
            String count = Words.NUMBERS.get(plan.count(kind));
            ask(Family.COUNT, Phrasings.COUNT, count, kind.plural());
        }
        relations();
        askColour(plan.shapes().get(0));
        askForm(plan.shapes().get(1));
        read(plan.readables().get(0));
        if (plan.numbered().isEmpty()) {
            read(plan.readables().get(random.between(1, 2)));
        }
    }

    /** Of each shape one thing, so that no question tells an answer. */
    private void askOfTheShapes(SceneOptions options) {
        for (int i = 0; i < plan.shapes().size(); i++) {
            Small small = plan.shapes().get(i);
            if (options.asksForm(i)) {
                askForm(small);
            } else {
                askColour(small);
            }
        }
    }

    private void askColour(Small small) {
        ask(Family.ATTRIBUTE, Phrasings.SHAPE_COLOUR, small.colour().word(), small.shape().word());
    }

    private void askForm(Small small) {
        ask(Family.ATTRIBUTE, Phrasings.COLOUR_SHAPE, small.shape().word(), small.colour().word());
    }

    private void askNumber(Readable kind) {
        ask(Family.READING, Phrasings.NUMBER, plan.numberOn(kind), kind.word());
    }

    private void read(Text text) {
        List<String> phrasings = text.kind().hasNumber() ? Phrasings.NUMBER : Phrasings.WORD;
        ask(Family.READING, phrasings, text.text(), text.kind().word());
    }

    private void relations() {
        List<Thing> things = things(plan);
        random.shuffle(things);
        List<Thing> clear = things.stream().filter(QuestionWriter::isInAQuarter).toList();
        if (!clear.isEmpty()) {
            Thing thing = clear.get(0);
            ask(Family.RELATION, Phrasings.CORNER, corner(thing.spot()), thing.name());
        }
        List<String> sides = new ArrayList<>(List.of("left", "right", "above", "below"));
        random.shuffle(sides);
        List<Pair> pairs = pairs(things);
        for (String side : sides) {
            for (Pair pair : pairs) {
                boolean enough =
                        questions.stream().filter(q -> q.family() == Family.RELATION).count() == 2;
                if (!enough && side.equals(pair.side())) {
                    ask(Family.RELATION, Phrasings.SIDE, side, pair.from(), pair.to());
                }
            }
        }
    }

    /** The things whose place can be asked for: the big object, the third small shape, what can be read. */
    static List<Thing> things(ScenePlan plan) {
        Small third = plan.shapes().get(2);
        List<Thing> things = new ArrayList<>();
        things.add(new Thing("big object", plan.big().spot()));
        things.add(new Thing("small " + third.shape().word(), third.spot()));
        plan.readables().forEach(text -> things.add(new Thing(text.kind().word(), text.spot())));
        return things;
    }

    /** All pairs of things of which one is clearly beside, above or below the other. */
    static List<Pair> pairs(List<Thing> things) {
        List<Pair> pairs = new ArrayList<>();
        for (Thing a : things) {
            for (Thing b : things) {
                String side = side(a.spot(), b.spot());
                if (a != b && !side.equals("between")) {
                    pairs.add(new Pair(a.name(), b.name(), side));
                }
            }
        }
        return pairs;
    }

    private static boolean isInAQuarter(Thing thing) {
        return sides(thing.spot()).size() == 2;
    }

    private static String corner(Spot spot) {
        return String.join(" ", sides(spot));
    }

    /** The halves of the picture that a thing is clearly in: top or bottom, and left or right. */
    static List<String> sides(Spot spot) {
        List<String> sides = new ArrayList<>();
        if (Math.abs(spot.y() - MIDDLE) >= CLEAR) {
            sides.add(spot.y() < MIDDLE ? "top" : "bottom");
        }
        if (Math.abs(spot.x() - MIDDLE) >= CLEAR) {
            sides.add(spot.x() < MIDDLE ? "left" : "right");
        }
        return sides;
    }

    /** Where a is from b; "between" if that cannot be said in one word. */
    private static String side(Spot a, Spot b) {
        double right = a.x() - b.x();
        double down = a.y() - b.y();
        if (Math.abs(right) >= STEEP * Math.abs(down)) {
            return right < 0 ? "left" : "right";
        }
        if (Math.abs(down) >= STEEP * Math.abs(right)) {
            return down < 0 ? "above" : "below";
        }
        return "between";
    }

    private void ask(Family family, List<String> phrasings, String answer, String... names) {
        String text = random.of(phrasings);
        if (names.length > 0) {
            text = text.replace("{a}", names[0]);
        }
        if (names.length > 1) {
            text = text.replace("{b}", names[1]);
        }
        questions.add(new Question(family, text, answer));
    }
}
