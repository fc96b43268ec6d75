package io.m3j.train.synthetic;

import java.awt.Color;
import java.util.List;

/** The time of day, as the background's light shows it. */
enum Light implements Named {
    DAY(new Color(105, 180, 250), new Color(215, 236, 252), 100, 100, 100),
    DUSK(new Color(120, 65, 130), new Color(252, 150, 75), 88, 62, 52),
    NIGHT(new Color(8, 12, 40), new Color(32, 40, 84), 38, 37, 45);

    static final List<Light> ALL = List.of(values());

    private final Color high;
    private final Color low;
    private final int red;
    private final int green;
    private final int blue;

    Light(Color high, Color low, int red, int green, int blue) {
        this.high = high;
        this.low = low;
        this.red = red;
        this.green = green;
        this.blue = blue;
    }

    /** The sky overhead. */
    Color high() {
        return high;
    }

    /** The sky at the horizon. */
    Color low() {
        return low;
    }

    /** What a colour of the day looks like now. */
    Color on(int r, int g, int b) {
        return new Color(r * red / 100, g * green / 100, b * blue / 100);
    }
}
