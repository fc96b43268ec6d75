package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Counted;
import io.m3j.train.synthetic.ScenePlan.Small;
import io.m3j.train.synthetic.ScenePlan.Spot;
import io.m3j.train.synthetic.ScenePlan.Text;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * Says of each patch of a picture what lies under its middle: of a thing its kind and colour, of a thing
 * to read its kind and its word, or of a number the digit of that half, the first one with the space that an
 * answer begins with, since that tells it from the second even where a token covers both; of a letter that
 * letter and its word; of the scenery the place and the time of day. Of a counted thing also how many there are, and of
 * a thing whose place is asked for also on which sides of the picture it is; not in a crowd, which has
 * neither question. Scenery covers most of a picture, and one patch in {@value #SCENERY_EVERY} speaks for it.
 */
final class PatchWords {

    private static final int SCENERY_EVERY = 16;

    private final int gridSide;
    private final double patch;
    private final List<List<String>> words;

    private PatchWords(int gridSide) {
        this.gridSide = gridSide;
        this.patch = (double) ScenePlanner.SIDE / gridSide;
        this.words = new ArrayList<>(Collections.nCopies(gridSide * gridSide, List.of()));
    }

    static List<List<String>> of(ScenePlan plan, int gridSide, boolean crowded) {
        PatchWords all = new PatchWords(gridSide);
        List<String> scenery = List.of(plan.place().word(), plan.light().word());
        for (int i = 0; i < all.words.size(); i++) {
            boolean speaks = (i % gridSide + 6 * (i / gridSide)) % SCENERY_EVERY == 0;
            all.words.set(i, speaks ? scenery : List.of());
        }
        all.put(plan.big().spot(), plan.big().kind().word(), plan.big().colour().word());
        for (Counted thing : plan.counted()) {
            String kind = thing.kind().plural();
            List<String> said = new ArrayList<>(List.of(kind, thing.colour().word()));
            if (!crowded) {
                said.add(Words.NUMBERS.get(plan.count(thing.kind())));
            }
            all.put(thing.spot(), (x, y) -> said);
        }
        for (Small small : plan.shapes()) {
            all.put(small.spot(), small.shape().word(), small.colour().word());
        }
        plan.readables().forEach(all::put);
        if (!crowded) {
            all.putPlace(plan.big().spot());
            plan.shapes().forEach(small -> all.putPlace(small.spot()));
            plan.readables().forEach(text -> all.putPlace(text.spot()));
        }
        return List.copyOf(all.words);
    }

    private void put(Spot spot, String... described) {
        List<String> all = List.of(described);
        put(spot, (x, y) -> all);
    }

    /** Adds the words for the quarter that a thing is in, as far as its middle is clearly there. */
    private void putPlace(Spot spot) {
        List<String> quarter = QuestionWriter.sides(spot);
        putCells(
                spot,
                (row, column) ->
                        Stream.concat(words.get(row * gridSide + column).stream(), quarter.stream())
                                .toList());
    }

    private void put(Text text) {
        String kind = text.kind().word();
        String says = text.text();
        double middle = text.spot().x();
        if (text.kind().hasNumber()) {
            List<String> first = List.of(kind, " " + says.substring(0, 1));
            List<String> second = List.of(kind, says.substring(1));
            put(text.spot(), (x, y) -> x < middle ? first : second);
        } else {
            put(text.spot(), (x, y) -> List.of(text.letterAt(x, y).orElse(kind), says));
        }
    }

    private void put(Spot spot, BiFunction<Double, Double, List<String>> describedAt) {
        putCells(
                spot,
                (row, column) -> describedAt.apply((column + 0.5) * patch, (row + 0.5) * patch));
    }

    private void putCells(Spot spot, BiFunction<Integer, Integer, List<String>> describedAt) {
        for (int row = 0; row < gridSide; row++) {
            for (int column = 0; column < gridSide; column++) {
                double x = (column + 0.5) * patch;
                double y = (row + 0.5) * patch;
                boolean inside =
                        Math.abs(x - spot.x()) < spot.halfWidth()
                                && Math.abs(y - spot.y()) < spot.halfHeight();
                if (inside) {
                    words.set(row * gridSide + column, describedAt.apply(row, column));
                }
            }
        }
    }
}
