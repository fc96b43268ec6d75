package io.m3j.train.synthetic;

import static io.m3j.train.synthetic.Sketch.Tone.CREAM;
import static io.m3j.train.synthetic.Sketch.Tone.DARK;
import static io.m3j.train.synthetic.Sketch.Tone.FLAME;
import static io.m3j.train.synthetic.Sketch.Tone.MAIN;
import static io.m3j.train.synthetic.Sketch.Tone.STALK;
import static io.m3j.train.synthetic.Sketch.Tone.STEEL;
import static io.m3j.train.synthetic.Sketch.Tone.WOOD;

import java.util.List;

/** Things of middling size, of which a picture has none or several. */
enum CountedThing implements Named {
    APPLE(
            "apples",
            edged().box(WOOD, -.06, -.95, .12, .45)
                    .oval(STALK, .32, -.72, .28, .14)
                    .oval(MAIN, -.28, .15, .58, .68)
                    .oval(MAIN, .28, .15, .58, .68)),
    BIRD(
            "birds",
            edged().polygon(FLAME, -.75, -.5, -1, -.35, -.7, -.25)
                    .polygon(MAIN, .3, 0, .98, -.35, .8, .35)
                    .oval(MAIN, .05, .1, .6, .42)
                    .oval(MAIN, -.5, -.4, .32, .32)
                    .box(WOOD, -.1, .45, .09, .45)
                    .box(WOOD, .15, .45, .09, .45)
                    .oval(DARK, -.58, -.46, .08, .08)
                    .oval(STEEL, .15, .05, .3, .18)),
    BELL(
            "bells",
            edged().ring(STEEL, 0, -.78, .2, .09)
                    .oval(DARK, 0, .78, .2, .19)
                    .add(
                            MAIN,
                            Sketch.curve(
                                    0, -.7, .65, -.7, .4, .2, .88, .65, .5, .72, -.5, .72, -.88,
                                    .65, -.4, .2, -.65, -.7, 0, -.7))),
    KEY(
            "keys",
            edged().box(MAIN, -.1, -.14, 1.05, .26)
                    .box(MAIN, .4, .05, .18, .4)
                    .box(MAIN, .74, .05, .2, .48)
                    .ring(MAIN, -.5, 0, .48, .2)),
    LEAF(
            "leaves",
            edged().polygon(WOOD, -.95, .85, -.4, .4, -.3, .5, -.85, .95)
                    .add(
                            MAIN,
                            Sketch.curve(
                                    .9, -.9, 1, .1, .4, .9, -.5, .6, -.95, -.2, -.3, -.9, .9, -.9))
                    .polygon(DARK, -.5, .55, .55, -.6, .6, -.55, -.42, .6)),
    HAT(
            "hats",
            edged().box(MAIN, -.52, -.75, 1.04, 1.2)
                    .oval(MAIN, 0, .5, .97, .22)
                    .box(STEEL, -.52, .08, 1.04, .2)),
    CANDLE(
            "candles",
            edged().box(MAIN, -.3, -.25, .6, 1.1)
                    .oval(STEEL, 0, .85, .62, .14)
                    .add(
                            FLAME,
                            Sketch.curve(
                                    0, -.98, .3, -.6, .25, -.3, 0, -.3, -.25, -.3, -.3, -.6, 0,
                                    -.98))),
    BUTTERFLY(
            "butterflies",
            edged().oval(MAIN, -.5, -.38, .47, .46)
                    .oval(MAIN, .5, -.38, .47, .46)
                    .oval(MAIN, -.42, .45, .36, .38)
                    .oval(MAIN, .42, .45, .36, .38)
                    .oval(CREAM, -.52, -.38, .16, .16)
                    .oval(CREAM, .52, -.38, .16, .16)
                    .oval(DARK, 0, 0, .13, .75));

    static final List<CountedThing> ALL = List.of(values());

    private final String plural;
    private final Sketch sketch;

    CountedThing(String plural, Sketch sketch) {
        this.plural = plural;
        this.sketch = sketch.done();
    }

    private static Sketch edged() {
        return new Sketch(.09);
    }

    String plural() {
        return plural;
    }

    Sketch sketch() {
        return sketch;
    }
}
