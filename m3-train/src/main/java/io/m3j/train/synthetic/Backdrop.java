package io.m3j.train.synthetic;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.util.Arrays;

/**
 * Draws the background: a sky of the time of day, the ground and the features of the place, and
 * clutter over it that is no answer to anything.
 */
final class Backdrop {

    private static final int SIDE = ScenePlanner.SIDE;

    private final Graphics2D pen;
    private final SceneRandom random;
    private final int[] pixels;
    private final double clutter;
    private Light light;
    private int horizon;

    Backdrop(BufferedImage picture, Graphics2D pen, SceneRandom random, double clutter) {
        this.pen = pen;
        this.random = random;
        this.clutter = clutter;
        pixels = ((DataBufferInt) picture.getRaster().getDataBuffer()).getData();
    }

    void paint(Place place, Light light) {
        this.light = light;
        horizon = random.between(120, 190);
        gradient(0, horizon, light.high(), light.low());
        if (light == Light.NIGHT) {
            specks(0, horizon, random.between(25, 50), new Color(210, 215, 235));
        }
        switch (place) {
            case MEADOW -> meadow();
            case BEACH -> beach();
            case DESERT -> desert();
            case GLACIER -> glacier();
            case SEA -> sea();
            case CITY -> city();
            case FOREST -> forest();
            case ROOM -> room();
        }
        confetti();
        noise();
    }

    private void meadow() {
        hill(light.on(120, 190, 90), 26);
        gradient(horizon, SIDE, light.on(105, 180, 70), light.on(60, 140, 45));
        for (int i = random.between(40, 70); i > 0; i--) {
            int x = random.below(SIDE);
            int y = random.between(horizon + 6, SIDE);
            pen.setColor(light.on(50, 115, 40));
            pen.fill(Sketch.path(x - 2, y, x + 2, y, x + random.between(-3, 3), y - 7));
        }
    }

    private void beach() {
        int shore = horizon + (SIDE - horizon) / 3;
        gradient(horizon, shore, light.on(50, 140, 200), light.on(90, 195, 215));
        gradient(shore, SIDE, light.on(240, 222, 170), light.on(225, 200, 140));
        waves(shore, 9, light.on(240, 222, 170));
    }

    private void desert() {
        hill(light.on(225, 160, 90), 40);
        gradient(horizon, SIDE, light.on(222, 150, 75), light.on(190, 110, 50));
        for (int y = horizon + 25; y < SIDE; y += random.between(30, 50)) {
            waves(y, 12, light.on(205, 130, 62));
        }
    }

    private void glacier() {
        for (int i = 0; i < 4; i++) {
            int x = random.below(SIDE);
            int half = random.between(50, 90);
            int peak = horizon - random.between(40, 85);
            pen.setColor(light.on(150, 165, 190));
            pen.fill(Sketch.path(x - half, horizon, x, peak, x + half, horizon));
            pen.setColor(light.on(245, 248, 255));
            pen.fill(
                    Sketch.path(
                            x - half * .4,
                            peak + (horizon - peak) * .4,
                            x,
                            peak,
                            x + half * .4,
                            peak + (horizon - peak) * .4));
        }
        gradient(horizon, SIDE, light.on(236, 242, 252), light.on(212, 224, 240));
    }

    private void sea() {
        gradient(horizon, SIDE, light.on(25, 110, 190), light.on(5, 60, 130));
        for (int i = random.between(25, 40); i > 0; i--) {
            int x = random.below(SIDE);
            int y = random.between(horizon + 5, SIDE);
            int half = random.between(6, 16);
            pen.setColor(light.on(90, 165, 220));
            pen.fill(Sketch.ellipse(x, y, half, 1.6));
        }
    }

    private void city() {
        for (int x = -10; x < SIDE; ) {
            int width = random.between(28, 55);
            int top = horizon - random.between(30, 105);
            int grey = random.between(105, 150);
            pen.setColor(light.on(grey, grey, grey + 8));
            pen.fillRect(x, top, width, horizon - top);
            boolean lit = light != Light.DAY;
            pen.setColor(lit ? new Color(200, 175, 100) : new Color(75, 85, 100));
            for (int wx = x + 5; wx < x + width - 6; wx += 10) {
                for (int wy = top + 6; wy < horizon - 6; wy += 13) {
                    pen.fillRect(wx, wy, 4, 6);
                }
            }
            x += width + random.between(0, 5);
        }
        gradient(horizon, SIDE, light.on(120, 120, 124), light.on(86, 86, 90));
        for (int y = horizon + random.between(30, 50); y < SIDE; y += random.between(50, 70)) {
            pen.setColor(light.on(205, 205, 200));
            for (int x = random.between(-20, 0); x < SIDE; x += 46) {
                pen.fillRect(x, y, 24, 3);
            }
        }
    }

    private void forest() {
        gradient(horizon, SIDE, light.on(70, 100, 50), light.on(50, 70, 35));
        for (int row = 0; row < 3; row++) {
            int foot = horizon + row * random.between(14, 26);
            int green = 95 - 18 * row;
            for (int x = random.between(-20, 0); x < SIDE + 20; x += random.between(18, 30)) {
                int height = random.between(70, 120);
                int half = random.between(13, 20);
                pen.setColor(light.on(20, green, 40));
                pen.fill(Sketch.path(x - half, foot, x, foot - height, x + half, foot));
            }
        }
    }

    private void room() {
        gradient(0, horizon, light.on(235, 205, 170), light.on(225, 190, 150));
        int stripe = random.between(16, 30);
        pen.setColor(light.on(215, 178, 138));
        for (int x = random.between(0, stripe); x < SIDE; x += 2 * stripe) {
            pen.fillRect(x, 0, stripe / 2, horizon);
        }
        int x = random.between(20, 230);
        pen.setColor(light.on(245, 240, 230));
        pen.fillRect(x, 18, 86, horizon - 50);
        pen.setColor(light.high());
        pen.fillRect(x + 6, 24, 34, horizon - 62);
        pen.fillRect(x + 46, 24, 34, horizon - 62);
        gradient(horizon, SIDE, light.on(165, 110, 70), light.on(130, 82, 48));
        pen.setColor(light.on(110, 68, 40));
        for (int y = horizon; y < SIDE; y += random.between(20, 30)) {
            pen.fillRect(0, y, SIDE, 2);
        }
    }

    /** A long rise behind the horizon. */
    private void hill(Color colour, int height) {
        int x = random.between(60, 280);
        pen.setColor(colour);
        pen.fill(Sketch.ellipse(x, horizon, random.between(110, 190), height));
    }

    /** A row of round crests along a line. */
    private void waves(int y, int height, Color colour) {
        pen.setColor(colour);
        int width = random.between(50, 90);
        for (int x = random.between(-40, 0); x < SIDE + 40; x += width) {
            pen.fill(Sketch.ellipse(x, y, width / 2.0, height / 2.0));
        }
    }

    private void gradient(int top, int bottom, Color from, Color to) {
        int length = Math.max(1, bottom - top - 1);
        for (int y = top; y < bottom; y++) {
            int step = y - top;
            int rgb =
                    mixed(from.getRed(), to.getRed(), step, length) << 16
                            | mixed(from.getGreen(), to.getGreen(), step, length) << 8
                            | mixed(from.getBlue(), to.getBlue(), step, length);
            Arrays.fill(pixels, y * SIDE, (y + 1) * SIDE, rgb);
        }
    }

    private static int mixed(int from, int to, int step, int length) {
        return from + (to - from) * step / length;
    }

    private void specks(int top, int bottom, int count, Color colour) {
        pen.setColor(colour);
        for (int i = 0; i < count; i++) {
            pen.fillRect(random.below(SIDE), random.between(top, bottom), 1, 1);
        }
    }

    /** Bits and lines of any colour, half as strong as what is behind them. */
    private void confetti() {
        int bits = (int) (clutter * random.between(10, 40));
        for (int i = 0; i < bits; i++) {
            pen.setColor(faint());
            double half = random.between(1.5, 4);
            pen.fill(Sketch.ellipse(random.below(SIDE), random.below(SIDE), half, half));
        }
        int lines = (int) (clutter * random.between(0, 4));
        for (int i = 0; i < lines; i++) {
            double left = random.below(SIDE);
            double right = random.below(SIDE);
            pen.setColor(faint());
            pen.fill(Sketch.path(0, left, SIDE, right, SIDE, right + 2, 0, left + 2));
        }
    }

    private Color faint() {
        return new Color(random.below(256), random.below(256), random.below(256), 70);
    }

    private void noise() {
        int amplitude = (int) (clutter * random.between(0, 12));
        if (amplitude == 0) {
            return;
        }
        int span = 2 * amplitude + 1;
        for (int i = 0; i < pixels.length; i += 4) {
            long bits = random.next();
            for (int j = i; j < i + 4; j++) {
                int change = (int) ((bits & 0xFFFF) * span >>> 16) - amplitude;
                bits >>>= 16;
                int rgb = pixels[j];
                pixels[j] =
                        clamped((rgb >> 16 & 0xFF) + change) << 16
                                | clamped((rgb >> 8 & 0xFF) + change) << 8
                                | clamped((rgb & 0xFF) + change);
            }
        }
    }

    private static int clamped(int value) {
        return Math.max(0, Math.min(255, value));
    }
}
