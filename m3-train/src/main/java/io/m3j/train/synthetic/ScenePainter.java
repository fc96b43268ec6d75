package io.m3j.train.synthetic;

import io.m3j.train.synthetic.ScenePlan.Big;
import io.m3j.train.synthetic.ScenePlan.Counted;
import io.m3j.train.synthetic.ScenePlan.Small;
import io.m3j.train.synthetic.ScenePlan.Spot;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.image.BufferedImage;

/**
 * Draws a planned scene. Only filled shapes are painted, which Java's own rasteriser does in software:
 * no fonts, no image scaling and no graphics hardware of the machine take part.
 */
final class ScenePainter {

    private ScenePainter() {}

    static BufferedImage paint(ScenePlan plan, SceneRandom random, SceneOptions options) {
        BufferedImage picture =
                new BufferedImage(ScenePlanner.SIDE, ScenePlanner.SIDE, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = picture.createGraphics();
        pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        pen.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        try {
            new Backdrop(picture, pen, random, options.clutter()).paint(plan.place(), plan.light());
            Big big = plan.big();
            paint(pen, big.kind().sketch(), big.spot(), big.mirrored(), big.colour(), random);
            for (Counted thing : plan.counted()) {
                Sketch sketch = thing.kind().sketch();
                paint(pen, sketch, thing.spot(), thing.mirrored(), thing.colour(), random);
            }
            for (Small small : plan.shapes()) {
                Sketch sketch = small.shape().sketch();
                paint(pen, sketch, small.spot(), random.coin(), small.colour(), random);
            }
            ReadablePainter readables = new ReadablePainter(pen, random);
            plan.readables().forEach(readables::paint);
        } finally {
            pen.dispose();
        }
        return picture;
    }

    private static void paint(
            Graphics2D pen,
            Sketch sketch,
            Spot spot,
            boolean mirrored,
            Colour colour,
            SceneRandom random) {
        double edge = 1 + sketch.edge();
        double halfWidth = spot.halfWidth() / edge;
        double halfHeight = spot.halfHeight() / edge;
        AffineTransform place =
                new AffineTransform(
                        mirrored ? -halfWidth : halfWidth, 0, 0, halfHeight, spot.x(), spot.y());
        Color main = colour.shade(random);
        fill(pen, colour.edge(), sketch.outline(), place);
        for (Sketch.Part part : sketch.parts()) {
            fill(pen, part.tone().or(main), part.shape(), place);
        }
    }

    private static void fill(Graphics2D pen, Color colour, Shape shape, AffineTransform place) {
        pen.setColor(colour);
        pen.fill(place.createTransformedShape(shape));
    }
}
