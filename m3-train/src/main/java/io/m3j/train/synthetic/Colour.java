package io.m3j.train.synthetic;

import java.awt.Color;
import java.util.List;

/** The colours that things may have, far enough from each other to be told apart. */
enum Colour implements Named {
    RED(215, 35, 40),
    ORANGE(245, 135, 25),
    YELLOW(250, 220, 45),
    GREEN(45, 155, 65),
    BLUE(35, 85, 215),
    PURPLE(130, 50, 170),
    PINK(250, 150, 195),
    WHITE(248, 248, 248),
    BLACK(24, 24, 28);

    static final List<Colour> ALL = List.of(values());

    private static final int SPREAD = 9;
    private static final int LIGHT_FROM = 140;
    private static final Color DARK_EDGE = new Color(30, 30, 36);
    private static final Color LIGHT_EDGE = new Color(244, 244, 244);

    private final int red;
    private final int green;
    private final int blue;

    Colour(int red, int green, int blue) {
        this.red = red;
        this.green = green;
        this.blue = blue;
    }

    /** This colour or one close by. */
    Color shade(SceneRandom random) {
        return new Color(near(red, random), near(green, random), near(blue, random));
    }

    Color exact() {
        return new Color(red, green, blue);
    }

    private static int near(int value, SceneRandom random) {
        return Math.max(0, Math.min(255, value + random.between(-SPREAD, SPREAD)));
    }

    /** What sets this colour off against whatever lies behind it. */
    Color edge() {
        return isLight() ? DARK_EDGE : LIGHT_EDGE;
    }

    boolean isLight() {
        // Rec. 601 luma.
        return (299 * red + 587 * green + 114 * blue) / 1000 >= LIGHT_FROM;
    }
}
