package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Spot;
import io.m3j.train.synthetic.ScenePlan.Text;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Shape;
import java.awt.geom.RoundRectangle2D;
import java.util.Locale;

/** Draws the things that have something to read on them. */
final class ReadablePainter {

    private static final Color STEEL = new Color(128, 134, 140);
    private static final Color DARK = new Color(44, 46, 52);
    private static final Color PAPER = new Color(246, 246, 242);
    private static final Color[] DARK_INKS = {
        new Color(18, 18, 22), new Color(20, 30, 110), new Color(90, 10, 20)
    };
    private static final Color[] LIGHT_INKS = {
        new Color(252, 252, 252), new Color(255, 240, 120), new Color(190, 250, 200)
    };

    private final Graphics2D pen;
    private final SceneRandom random;

    ReadablePainter(Graphics2D pen, SceneRandom random) {
        this.pen = pen;
        this.random = random;
    }

    void paint(Text text) {
        Spot spot = text.spot();
        double left = spot.x() - spot.halfWidth();
        double top = spot.y() - spot.halfHeight();
        double width = 2 * spot.halfWidth();
        double height = 2 * spot.halfHeight();
        Color board = text.board().shade(random);
        Color edge = text.board().edge();
        switch (text.kind()) {
            case SIGN -> {
                double boardHeight = Readable.boardOfSign(text.height());
                box(STEEL, spot.x() - 3.5, top + boardHeight - 2, 7, height - boardHeight + 2, 0);
                box(edge, left, top, width, boardHeight, 6);
                box(board, left + 2, top + 2, width - 4, boardHeight - 4, 5);
            }
            case LABEL -> {
                fill(edge, tag(left, top, width, height));
                fill(board, tag(left + 2.5, top + 2, width - 4.5, height - 4));
                fill(edge, Sketch.ellipse(left + 8, spot.y(), 2.6, 2.6));
            }
            case SCREEN -> {
                box(STEEL, left, top, width, height - 7, 6);
                box(STEEL, spot.x() - 4, top + height - 8, 8, 5, 0);
                box(STEEL, spot.x() - 14, top + height - 4, 28, 4, 3);
                box(DARK, left + 3, top + 3, width - 6, height - 13, 2);
            }
            case PLATE -> {
                box(edge, left, top, width, height, 8);
                box(board, left + 2, top + 2, width - 4, height - 4, 6);
                for (double x : new double[] {left + 5.5, left + width - 5.5}) {
                    fill(STEEL, Sketch.ellipse(x, spot.y(), 2, 2));
                }
            }
            case BADGE -> {
                fill(edge, Sketch.ellipse(spot.x(), spot.y(), width / 2, height / 2));
                fill(board, Sketch.ellipse(spot.x(), spot.y(), width / 2 - 2, height / 2 - 2));
                fill(PAPER, Sketch.ellipse(spot.x(), spot.y(), width / 2 - 4, height / 2 - 4));
            }
        }
        write(text);
    }

    private void write(Text text) {
        boolean onLight =
                text.kind() == Readable.BADGE
                        || text.kind() != Readable.SCREEN && text.board().isLight();
        Color[] inks = onLight ? DARK_INKS : LIGHT_INKS;
        pen.setColor(inks[random.below(inks.length)]);
        pen.fill(
                Lettering.numbered(text.typeface())
                        .outline(
                                text.text().toUpperCase(Locale.ROOT),
                                text.textLeft(),
                                text.textMiddle() + text.height() / 2,
                                text.height()));
    }

    private static Shape tag(double left, double top, double width, double height) {
        double right = left + width;
        double bottom = top + height;
        double notch = 6;
        return Sketch.path(
                left,
                top + notch,
                left + notch,
                top,
                right,
                top,
                right,
                bottom,
                left + notch,
                bottom,
                left,
                bottom - notch);
    }

    private void box(Color colour, double x, double y, double width, double height, double corner) {
        fill(colour, new RoundRectangle2D.Double(x, y, width, height, corner, corner));
    }

    private void fill(Color colour, Shape shape) {
        pen.setColor(colour);
        pen.fill(shape);
    }
}
