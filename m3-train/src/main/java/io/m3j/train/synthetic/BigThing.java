package io.m3j.train.synthetic;

import static io.m3j.train.synthetic.Sketch.Tone.CREAM;
import static io.m3j.train.synthetic.Sketch.Tone.DARK;
import static io.m3j.train.synthetic.Sketch.Tone.GLASS;
import static io.m3j.train.synthetic.Sketch.Tone.MAIN;
import static io.m3j.train.synthetic.Sketch.Tone.STALK;
import static io.m3j.train.synthetic.Sketch.Tone.STEEL;
import static io.m3j.train.synthetic.Sketch.Tone.WOOD;

import java.awt.geom.Arc2D;
import java.util.List;

/** What the one big object of a picture may be. */
enum BigThing implements Named {
    HOUSE(
            edged().box(MAIN, -.75, -.1, 1.5, .95)
                    .polygon(WOOD, -.95, -.08, 0, -.9, .95, -.08)
                    .box(DARK, -.16, .35, .34, .5)
                    .box(GLASS, -.58, .1, .3, .3)
                    .box(GLASS, .32, .1, .3, .3)),
    TREE(
            edged().box(WOOD, -.13, .1, .26, .85)
                    .oval(MAIN, -.4, 0, .42, .4)
                    .oval(MAIN, .4, 0, .42, .4)
                    .oval(MAIN, 0, -.4, .52, .5)),
    CAR(
            edged().polygon(MAIN, -.55, 0, -.35, -.5, .35, -.5, .62, 0)
                    .round(MAIN, -.97, -.06, 1.94, .5, .3)
                    .polygon(GLASS, -.42, -.05, -.28, -.4, -.03, -.4, -.03, -.05)
                    .polygon(GLASS, .04, -.05, .04, -.4, .3, -.4, .48, -.05)
                    .oval(DARK, -.52, .44, .25, .25)
                    .oval(DARK, .52, .44, .25, .25)
                    .oval(STEEL, -.52, .44, .11, .11)
                    .oval(STEEL, .52, .44, .11, .11)),
    BOAT(
            edged().box(WOOD, -.05, -.92, .1, 1.2)
                    .polygon(MAIN, .1, -.88, .75, .15, .1, .15)
                    .polygon(CREAM, -.1, -.65, -.1, .15, -.6, .15)
                    .polygon(MAIN, -.95, .27, .95, .27, .62, .8, -.62, .8)),
    CUP(
            edged().ring(MAIN, .5, -.02, .36, .2)
                    .polygon(MAIN, -.72, -.55, .48, -.55, .36, .68, -.58, .68)
                    .oval(STEEL, -.12, .74, .85, .13)
                    .oval(DARK, -.12, -.55, .6, .12)),
    FISH(
            edged().polygon(MAIN, .4, 0, .95, -.5, .85, 0, .95, .5)
                    .polygon(STEEL, -.2, -.35, .1, -.7, .3, -.3)
                    .oval(MAIN, -.2, 0, .72, .45)
                    .oval(CREAM, -.58, -.12, .13, .13)
                    .oval(DARK, -.6, -.12, .06, .06)
                    .polygon(STEEL, -.1, .05, .25, .25, -.02, .3)),
    FLOWER(
            edged().box(STALK, -.06, 0, .12, .95)
                    .oval(STALK, -.3, .65, .26, .1)
                    .oval(STALK, .3, .5, .26, .1)
                    .oval(MAIN, 0, -.75, .23, .25)
                    .oval(MAIN, .41, -.47, .25, .23)
                    .oval(MAIN, .27, .01, .24, .24)
                    .oval(MAIN, -.27, .01, .24, .24)
                    .oval(MAIN, -.41, -.47, .25, .23)
                    .oval(WOOD, 0, -.33, .23, .23)),
    UMBRELLA(
            edged().box(DARK, -.04, -.95, .08, 1.6)
                    .add(
                            DARK,
                            Sketch.minus(
                                    new Arc2D.Double(-.34, .42, .38, .46, 180, 180, Arc2D.PIE),
                                    Sketch.ellipse(-.15, .65, .1, .13)))
                    .add(
                            MAIN,
                            Sketch.minus(
                                    Sketch.minus(
                                            Sketch.minus(
                                                    new Arc2D.Double(
                                                            -.95, -.8, 1.9, 1.8, 0, 180, Arc2D.PIE),
                                                    Sketch.ellipse(-.63, .12, .3, .14)),
                                            Sketch.ellipse(0, .12, .3, .14)),
                                    Sketch.ellipse(.63, .12, .3, .14)))),
    ROCKET(
            edged().polygon(STEEL, -.3, .1, -.7, .75, -.25, .6)
                    .polygon(STEEL, .3, .1, .7, .75, .25, .6)
                    .box(DARK, -.2, .6, .4, .25)
                    .add(
                            MAIN,
                            Sketch.curve(
                                    0, -.97, .35, -.65, .45, -.1, .32, .66, .1, .7, -.1, .7, -.32,
                                    .66, -.45, -.1, -.35, -.65, 0, -.97))
                    .oval(GLASS, 0, -.25, .17, .17)),
    MUSHROOM(
            edged().round(CREAM, -.25, -.1, .5, 1.0, .3)
                    .add(MAIN, new Arc2D.Double(-.92, -.85, 1.84, 1.75, 0, 180, Arc2D.CHORD))
                    .oval(CREAM, -.4, -.3, .14, .12)
                    .oval(CREAM, .12, -.55, .14, .12)
                    .oval(CREAM, .5, -.22, .12, .1)),
    LAMP(
            edged().box(STEEL, -.06, -.2, .12, 1.0)
                    .oval(DARK, 0, .83, .42, .12)
                    .polygon(MAIN, -.38, -.92, .38, -.92, .78, -.05, -.78, -.05)),
    CHAIR(
            edged().box(WOOD, -.55, .1, .13, .85)
                    .box(WOOD, .42, .1, .13, .85)
                    .box(MAIN, -.55, -.95, .24, 1.1)
                    .round(MAIN, -.6, .05, 1.2, .26, .1)
                    .box(WOOD, -.55, .6, 1.1, .09));

    static final List<BigThing> ALL = List.of(values());

    private final Sketch sketch;

    BigThing(Sketch sketch) {
        this.sketch = sketch.done();
    }

    private static Sketch edged() {
        return new Sketch(.045);
    }

    Sketch sketch() {
        return sketch;
    }
}
