package io.m3j.train.synthetic;

import java.awt.Color;
import java.awt.Shape;
import java.awt.geom.AffineTransform;
import java.awt.geom.Area;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.util.ArrayList;
import java.util.List;

/**
 * The drawing of one kind of thing, in a square from −1 to 1, y down: parts in the order they are
 * painted, and the outline of all of them, which is painted first and sets the thing off against the
 * background.
 */
final class Sketch {

    /** What a part is painted with. */
    enum Tone {
        /** The colour that questions ask for. */
        MAIN(null),
        WOOD(new Color(121, 85, 58)),
        STEEL(new Color(140, 146, 152)),
        DARK(new Color(48, 50, 56)),
        GLASS(new Color(196, 224, 240)),
        CREAM(new Color(244, 236, 214)),
        STALK(new Color(72, 128, 62)),
        FLAME(new Color(255, 214, 110));

        private final Color colour;

        Tone(Color colour) {
            this.colour = colour;
        }

        Color or(Color main) {
            return colour == null ? main : colour;
        }
    }

    /** One part. */
    record Part(Shape shape, Tone tone) {}

    private final List<Part> parts = new ArrayList<>();
    private final double edge;
    private Shape outline;

    /**
     * @param edge width of the outline around the parts, where the thing's half side is 1
     */
    Sketch(double edge) {
        this.edge = edge;
    }

    Sketch add(Tone tone, Shape shape) {
        parts.add(new Part(shape, tone));
        return this;
    }

    Sketch box(Tone tone, double x, double y, double width, double height) {
        return add(tone, new Rectangle2D.Double(x, y, width, height));
    }

    Sketch round(Tone tone, double x, double y, double width, double height, double corner) {
        return add(tone, new RoundRectangle2D.Double(x, y, width, height, corner, corner));
    }

    Sketch oval(Tone tone, double x, double y, double halfWidth, double halfHeight) {
        return add(tone, ellipse(x, y, halfWidth, halfHeight));
    }

    Sketch ring(Tone tone, double x, double y, double radius, double hole) {
        return add(tone, minus(ellipse(x, y, radius, radius), ellipse(x, y, hole, hole)));
    }

    Sketch polygon(Tone tone, double... points) {
        return add(tone, path(points));
    }

    /** To be called last: works the outline out, once. */
    Sketch done() {
        outline = Outline.around(parts.stream().map(Part::shape).toList(), edge);
        return this;
    }

    double edge() {
        return edge;
    }

    List<Part> parts() {
        return parts;
    }

    Shape outline() {
        return outline;
    }

    static Ellipse2D ellipse(double x, double y, double halfWidth, double halfHeight) {
        return new Ellipse2D.Double(x - halfWidth, y - halfHeight, 2 * halfWidth, 2 * halfHeight);
    }

    static Path2D path(double... points) {
        Path2D path = new Path2D.Double();
        path.moveTo(points[0], points[1]);
        for (int i = 2; i < points.length; i += 2) {
            path.lineTo(points[i], points[i + 1]);
        }
        path.closePath();
        return path;
    }

    /** A closed path of cubic curves: the start, then six numbers a curve. */
    static Path2D curve(double... points) {
        Path2D path = new Path2D.Double();
        path.moveTo(points[0], points[1]);
        for (int i = 2; i < points.length; i += 6) {
            path.curveTo(
                    points[i],
                    points[i + 1],
                    points[i + 2],
                    points[i + 3],
                    points[i + 4],
                    points[i + 5]);
        }
        path.closePath();
        return path;
    }

    static Shape minus(Shape from, Shape taken) {
        Area area = new Area(from);
        area.subtract(new Area(taken));
        return new Path2D.Double(area);
    }

    static Shape mirrored(Shape shape) {
        return AffineTransform.getScaleInstance(-1, 1).createTransformedShape(shape);
    }
}
