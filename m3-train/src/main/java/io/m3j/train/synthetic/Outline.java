package io.m3j.train.synthetic;

import java.awt.Shape;
import java.awt.geom.Path2D;
import java.awt.geom.PathIterator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/**
 * Shapes made thicker all around. Java's own strokes would do, but their curves differ from one
 * release to another, and the pictures with them.
 */
final class Outline {

    /** How far a chord may stay from its curve, where the half side of a thing is 1. */
    private static final double FLATNESS = 0.006;

    /** A corner that turns by less than this needs one point (its cosine): 37 degrees. */
    private static final double BLUNT = 0.8;

    /** How far a point may go, in widths, where two sides almost turn back. */
    private static final double FARTHEST = 2;

    private record Point(double x, double y) {}

    private final Path2D path = new Path2D.Double(Path2D.WIND_NON_ZERO);
    private final double width;

    private Outline(double width) {
        this.width = width;
    }

    /** All these shapes in one, each made thicker by a width on every side, in holes too. */
    static Path2D around(List<Shape> shapes, double width) {
        Outline outline = new Outline(width);
        shapes.forEach(outline::add);
        return outline.path;
    }

    private void add(Shape shape) {
        List<List<Point>> rings = rings(shape);
        // The largest ring is the outer one; holes run the other way, as Area makes them.
        boolean backwards =
                rings.stream()
                                .map(Outline::area)
                                .max(Comparator.comparingDouble(Math::abs))
                                .orElse(0.0)
                        < 0;
        for (List<Point> ring : rings) {
            if (backwards) {
                Collections.reverse(ring);
            }
            for (int i = 0; i < ring.size(); i++) {
                Point before = ring.get((i + ring.size() - 1) % ring.size());
                corner(before, ring.get(i), ring.get((i + 1) % ring.size()), i == 0);
            }
            path.closePath();
        }
    }

    /** The points around one corner: one if it is blunt or hollow, else three. */
    private void corner(Point before, Point here, Point after, boolean first) {
        Point in = normal(before, here);
        Point out = normal(here, after);
        double cosine = in.x * out.x + in.y * out.y;
        boolean hollow = in.x * out.y - in.y * out.x < 0;
        double length = Math.sqrt(2 + 2 * cosine);
        boolean turnsBack = length < 1e-6;
        double mx = turnsBack ? -in.y : (in.x + out.x) / length;
        double my = turnsBack ? in.x : (in.y + out.y) / length;
        if (hollow || cosine > BLUNT) {
            double reach = Math.min(FARTHEST, turnsBack ? FARTHEST : 2 / length);
            point(here, mx * reach, my * reach, first);
        } else {
            point(here, in.x, in.y, first);
            point(here, mx, my, false);
            point(here, out.x, out.y, false);
        }
    }

    private void point(Point from, double x, double y, boolean first) {
        if (first) {
            path.moveTo(from.x + x * width, from.y + y * width);
        } else {
            path.lineTo(from.x + x * width, from.y + y * width);
        }
    }

    /** Of length 1, away from the inside of a ring of positive area. */
    private static Point normal(Point from, Point to) {
        double x = to.x - from.x;
        double y = to.y - from.y;
        double length = Math.sqrt(x * x + y * y);
        return new Point(y / length, -x / length);
    }

    private static double area(List<Point> ring) {
        double twice = 0;
        for (int i = 0; i < ring.size(); i++) {
            Point a = ring.get(i);
            Point b = ring.get((i + 1) % ring.size());
            twice += a.x * b.y - b.x * a.y;
        }
        return twice / 2;
    }

    private static List<List<Point>> rings(Shape shape) {
        List<List<Point>> rings = new ArrayList<>();
        double[] at = new double[6];
        for (PathIterator p = shape.getPathIterator(null, FLATNESS); !p.isDone(); p.next()) {
            int kind = p.currentSegment(at);
            if (kind == PathIterator.SEG_MOVETO) {
                rings.add(new ArrayList<>());
            }
            if (kind != PathIterator.SEG_CLOSE) {
                addNew(rings.get(rings.size() - 1), new Point(at[0], at[1]));
            }
        }
        for (List<Point> ring : rings) {
            if (ring.size() > 1 && close(ring.get(0), ring.get(ring.size() - 1))) {
                ring.remove(ring.size() - 1);
            }
        }
        rings.removeIf(ring -> ring.size() < 3);
        return rings;
    }

    private static void addNew(List<Point> ring, Point point) {
        if (ring.isEmpty() || !close(ring.get(ring.size() - 1), point)) {
            ring.add(point);
        }
    }

    private static boolean close(Point a, Point b) {
        return Math.abs(a.x - b.x) + Math.abs(a.y - b.y) < 1e-6;
    }
}
