package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Big;
import io.m3j.train.synthetic.ScenePlan.Counted;
import io.m3j.train.synthetic.ScenePlan.Small;
import io.m3j.train.synthetic.ScenePlan.Spot;
import io.m3j.train.synthetic.ScenePlan.Text;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Decides what is in a scene and where. Every choice is uniform over its set and independent of the
 * others, so that one answer tells nothing about another. Nothing overlaps: the picture is cut into
 * 4 × 5 cells; the big object takes 2 × 2 of them, everything else a cell of its own. In a crowd there
 * are 4 × 6 cells; the big object takes 2 × 3 of them, and none stays empty.
 */
final class ScenePlanner {

    static final int SIDE = 336;

    private static final int COLUMNS = 4;
    private static final double CELL_WIDTH = (double) SIDE / COLUMNS;

    private static final int SHAPES = 3;

    /** Of so many scenes that are asked for a number, one does not show it. */
    private static final int SCENES_A_MISSING_NUMBER = 4;

    /** Between a thing and the border of its cell, in pixels. */
    private static final double MARGIN = 2;

    private final SceneRandom random;
    private final SceneOptions options;
    private final int rows;
    private final int rowsOfBig;
    private final double cellHeight;
    private final List<int[]> free = new ArrayList<>();

    private ScenePlanner(SceneRandom random, SceneOptions options) {
        this.random = random;
        this.options = options;
        this.rows = options.crowded() ? 6 : 5;
        this.rowsOfBig = rows / 2;
        this.cellHeight = (double) SIDE / rows;
    }

    static ScenePlan plan(SceneRandom random, SceneOptions options) {
        return new ScenePlanner(random, options).plan();
    }

    private ScenePlan plan() {
        Place place = random.of(Place.ALL);
        Light light = random.of(Light.ALL);
        Big big = big();
        return options.crowded() ? crowd(place, light, big) : scene(place, light, big);
    }

    private ScenePlan scene(Place place, Light light, Big big) {
        List<Text> readables = readables();
        Optional<Readable> numbered = Optional.empty();
        if (options.numberAsked()) {
            int last = readables.size() - 1;
            numbered = Optional.of(readables.get(last).kind());
            if (missesItsNumber()) {
                readables.remove(last);
            }
        }
        List<Small> shapes = shapes(SHAPES);
        List<CountedThing> kinds = new ArrayList<>(CountedThing.ALL);
        random.shuffle(kinds);
        List<Counted> counted = new ArrayList<>();
        for (CountedThing kind : kinds.subList(0, 2)) {
            int count = random.between(0, options.mostOfAKind());
            for (int i = 0; i < count; i++) {
                counted.add(counted(kind));
            }
        }
        return new ScenePlan(
                place,
                light,
                big,
                counted,
                kinds.get(0),
                kinds.get(1),
                shapes,
                readables,
                numbered);
    }

    /**
     * Small shapes of which each can be told by its form or its colour, and mostly things to read: they are
     * the smallest, and take the most pictures to learn. If a number is asked for, most are numbers, all
     * others of them on things of the other kind.
     */
    private ScenePlan crowd(Place place, Light light, Big big) {
        List<Small> shapes = shapes(SceneOptions.SHAPES_IN_A_CROWD);
        List<Text> readables = new ArrayList<>();
        List<Counted> counted = new ArrayList<>();
        List<Readable> withNumbers = new ArrayList<>(Readable.WITH_NUMBERS);
        Optional<Readable> numbered = Optional.empty();
        if (options.numberAsked()) {
            random.shuffle(withNumbers);
            Readable asked = withNumbers.remove(0);
            numbered = Optional.of(asked);
            if (!missesItsNumber()) {
                readables.add(number(List.of(asked)));
            }
        }
        // Of ten things that fill it, numbers for the most part where they are to be learnt.
        int words = options.numberAsked() ? 3 : 6;
        while (!free.isEmpty()) {
            int what = random.below(10);
            if (what < words) {
                String word = random.of(Words.READABLE.subList(0, options.words()));
                readables.add(text(random.of(Readable.WITH_WORDS), word));
            } else if (what < 9) {
                readables.add(number(withNumbers));
            } else {
                counted.add(counted(random.of(CountedThing.ALL)));
            }
        }
        List<CountedThing> kinds = CountedThing.ALL;
        return new ScenePlan(
                place,
                light,
                big,
                counted,
                kinds.get(0),
                kinds.get(1),
                shapes,
                readables,
                numbered);
    }

    private boolean missesItsNumber() {
        return random.below(SCENES_A_MISSING_NUMBER) == 0;
    }

    private Big big() {
        int column = random.below(COLUMNS - 1);
        int row = random.below(rows - rowsOfBig + 1);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < COLUMNS; c++) {
                boolean taken = c >= column && c <= column + 1 && r >= row && r < row + rowsOfBig;
                if (!taken) {
                    free.add(new int[] {c, r});
                }
            }
        }
        random.shuffle(free);
        double half = random.between(54, 63.5);
        // As wide as high at most by a tenth, so that kinds keep their forms.
        double halfWidth = half * random.between(1, 1.12);
        double x = anywhere(column * CELL_WIDTH, 2 * CELL_WIDTH, halfWidth);
        double y = anywhere(row * cellHeight, rowsOfBig * cellHeight, half);
        Spot spot = new Spot(x, y, halfWidth, half);
        return new Big(random.of(BigThing.ALL), random.of(Colour.ALL), spot, random.coin());
    }

    private List<Text> readables() {
        List<Readable> kinds = new ArrayList<>(Readable.WITH_WORDS);
        random.shuffle(kinds);
        List<String> words = new ArrayList<>(Words.READABLE.subList(0, options.words()));
        random.shuffle(words);
        List<Text> texts = new ArrayList<>();
        texts.add(text(kinds.get(0), words.get(0)));
        texts.add(text(kinds.get(1), words.get(1)));
        texts.add(number(Readable.WITH_NUMBERS));
        return texts;
    }

    private Text number(List<Readable> kinds) {
        return text(random.of(kinds), "" + random.between(10, 99));
    }

    private Text text(Readable kind, String text) {
        int typeface = random.below(options.typefaces());
        double heights = Lettering.numbered(typeface).width(text.toUpperCase(Locale.ROOT));
        double height =
                Math.min(
                        random.between(options.smallestType(), options.largestType()),
                        kind.widestText() / heights);
        double width = heights * height;
        Colour board = kind == Readable.SCREEN ? Colour.BLACK : random.of(Colour.ALL);
        double halfWidth = kind.halfWidth(width, height);
        Spot spot = inFreeCell(halfWidth, kind.halfHeight(width, height));
        return new Text(kind, text, typeface, height, width, board, spot);
    }

    private List<Small> shapes(int count) {
        List<SmallShape> forms = new ArrayList<>(SmallShape.ALL);
        List<Colour> colours = new ArrayList<>(Colour.ALL);
        random.shuffle(forms);
        random.shuffle(colours);
        List<Small> shapes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            shapes.add(small(forms.get(i), colours.get(i)));
        }
        return shapes;
    }

    private Small small(SmallShape form, Colour colour) {
        double half = random.between(options.smallestShape(), options.largestShape()) / 2.0;
        return new Small(form, colour, inFreeCell(half, half));
    }

    private Counted counted(CountedThing kind) {
        double half = random.between(21, 26.0);
        Spot spot = inFreeCell(half, half);
        return new Counted(kind, random.of(Colour.ALL), spot, random.coin());
    }

    private Spot inFreeCell(double halfWidth, double halfHeight) {
        int[] cell = free.remove(free.size() - 1);
        double x = anywhere(cell[0] * CELL_WIDTH, CELL_WIDTH, halfWidth);
        double y = anywhere(cell[1] * cellHeight, cellHeight, halfHeight);
        return new Spot(x, y, halfWidth, halfHeight);
    }

    private double anywhere(double start, double length, double half) {
        double room = Math.max(0, length / 2 - half - MARGIN);
        return random.between(start + length / 2 - room, start + length / 2 + room);
    }
}
