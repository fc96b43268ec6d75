package io.m3j.train.synthetic;

import static io.m3j.train.synthetic.Sketch.Tone.MAIN;

import java.util.List;

/** Small shapes of one colour. */
enum SmallShape implements Named {
    CIRCLE(edged().oval(MAIN, 0, 0, .92, .92)),
    SQUARE(edged().box(MAIN, -.82, -.82, 1.64, 1.64)),
    TRIANGLE(edged().polygon(MAIN, 0, -.92, .95, .8, -.95, .8)),
    STAR(
            edged().polygon(
                            MAIN, 0, -1, .25, -.33, .95, -.31, .4, .13, .59, .81, 0, .42, -.59, .81,
                            -.4, .13, -.95, -.31, -.25, -.33)),
    HEART(
            edged().add(
                            MAIN,
                            Sketch.curve(
                                    0, .95, -.4, .6, -1, .15, -.95, -.4, -.9, -1, -.15, -.95, 0,
                                    -.4, .15, -.95, .9, -1, .95, -.4, 1, .15, .4, .6, 0, .95))),
    CROSS(
            edged().polygon(
                            MAIN, -.3, -.95, .3, -.95, .3, -.3, .95, -.3, .95, .3, .3, .3, .3, .95,
                            -.3, .95, -.3, .3, -.95, .3, -.95, -.3, -.3, -.3)),
    RING(edged().ring(MAIN, 0, 0, .95, .46)),
    ARROW(
            edged().polygon(
                            MAIN, -.95, -.26, .05, -.26, .05, -.85, .98, 0, .05, .85, .05, .26,
                            -.95, .26));

    static final List<SmallShape> ALL = List.of(values());

    private final Sketch sketch;

    SmallShape(Sketch sketch) {
        this.sketch = sketch.done();
    }

    private static Sketch edged() {
        return new Sketch(.13);
    }

    Sketch sketch() {
        return sketch;
    }
}
