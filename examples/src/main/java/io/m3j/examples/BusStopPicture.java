package io.m3j.examples;

import io.m3j.core.M3Exception;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import javax.imageio.ImageIO;

/**
 * Draws the picture that comes with m3: a red bus at a stop whose sign says M3J, on a sunny day. No
 * font is used, so that every machine draws the same letters.
 */
final class BusStopPicture {

    static final int WIDTH = 640;
    static final int HEIGHT = 480;

    private static final Color RED = new Color(0xC6, 0x28, 0x28);
    private static final Color GLASS = new Color(0xBB, 0xDE, 0xFB);
    private static final Color DARK = new Color(0x26, 0x32, 0x38);
    private static final Color BLUE = new Color(0x15, 0x65, 0xC0);

    private final Graphics2D pen;

    private BusStopPicture(Graphics2D pen) {
        this.pen = pen;
        pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    }

    static void write(Path file) {
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = image.createGraphics();
        new BusStopPicture(pen).draw();
        pen.dispose();
        try {
            ImageIO.write(image, "png", file.toFile());
        } catch (IOException e) {
            throw new M3Exception("picture " + file + ": cannot be written (" + e + ")", e);
        }
    }

    private void draw() {
        background();
        bus();
        sign();
    }

    private void background() {
        Color high = new Color(0x64, 0xB5, 0xF6);
        pen.setPaint(new GradientPaint(0, 0, high, 0, 300, new Color(0xE3, 0xF2, 0xFD)));
        pen.fillRect(0, 0, WIDTH, HEIGHT);
        disc(new Color(0xFF, 0xEB, 0x3B), 90, 80, 42);
        for (int[] cloud : new int[][] {{230, 70}, {370, 130}}) {
            disc(Color.WHITE, cloud[0], cloud[1], 24);
            disc(Color.WHITE, cloud[0] + 28, cloud[1] - 10, 30);
            disc(Color.WHITE, cloud[0] + 60, cloud[1], 24);
        }
        box(new Color(0x7C, 0xB3, 0x42), 0, 290, WIDTH, 60, 0);
        box(new Color(0x61, 0x61, 0x61), 0, 350, WIDTH, 130, 0);
        for (int x = 20; x < WIDTH; x += 90) {
            box(Color.WHITE, x, 425, 50, 8, 0);
        }
        tree(590, 200);
    }

    private void tree(int x, int y) {
        box(new Color(0x6D, 0x4C, 0x41), x - 8, y + 40, 16, 70, 0);
        disc(new Color(0x38, 0x8E, 0x3C), x, y, 46);
        disc(new Color(0x43, 0xA0, 0x47), x - 22, y + 24, 34);
        disc(new Color(0x2E, 0x7D, 0x32), x + 24, y + 22, 34);
    }

    private void bus() {
        box(RED, 40, 190, 390, 185, 28);
        box(new Color(0xFF, 0xF1, 0x76), 40, 305, 390, 14, 0);
        for (int window = 0; window < 4; window++) {
            box(GLASS, 60 + 70 * window, 212, 58, 70, 10);
        }
        box(GLASS, 344, 212, 70, 78, 10);
        box(DARK, 352, 300, 2, 68, 0);
        disc(new Color(0xFF, 0xEE, 0x58), 418, 345, 10);
        for (int x : new int[] {120, 345}) {
            disc(DARK, x, 375, 36);
            disc(new Color(0xB0, 0xBE, 0xC5), x, 375, 16);
        }
    }

    private void sign() {
        box(DARK, 497, 190, 10, 185, 0);
        box(BLUE, 442, 110, 120, 84, 14);
        box(Color.WHITE, 449, 117, 106, 70, 10);
        box(BLUE, 453, 121, 98, 62, 8);
        pen.setPaint(Color.WHITE);
        pen.setStroke(new BasicStroke(7, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        line(464, 168, 464, 136, 475, 154, 486, 136, 486, 168); // M
        line(497, 136, 515, 136, 505, 150, 516, 158, 512, 167, 497, 168); // 3
        line(540, 136, 540, 162, 534, 168, 526, 164); // J
    }

    private void line(int... points) {
        Path2D path = new Path2D.Double();
        path.moveTo(points[0], points[1]);
        for (int i = 2; i < points.length; i += 2) {
            path.lineTo(points[i], points[i + 1]);
        }
        pen.draw(path);
    }

    private void disc(Color colour, int x, int y, int radius) {
        pen.setPaint(colour);
        pen.fill(new Ellipse2D.Double(x - radius, y - radius, 2.0 * radius, 2.0 * radius));
    }

    private void box(Color colour, int x, int y, int width, int height, int corner) {
        pen.setPaint(colour);
        pen.fill(new RoundRectangle2D.Double(x, y, width, height, corner, corner));
    }
}
