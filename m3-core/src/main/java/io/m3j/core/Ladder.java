package io.m3j.core;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The ordered scales of a square grid, coarsest first, each side dividing the next and the last one
 * the grid itself. That every side divides the next is what makes the token sets nested: a coarser
 * token is the mean of the whole finer tokens it covers.
 *
 * @param scales coarsest first; the last one is the whole grid
 */
public record Ladder(List<Scale> scales) {

    /** Its square is the last one that an int holds. */
    private static final int LONGEST_SIDE = 46_340;

    /** Checks order and divisibility. */
    public Ladder {
        scales = List.copyOf(scales);
        if (scales.isEmpty()) {
            throw new M3Exception("ladder: no scale given, expected at least the grid itself");
        }
        for (int i = 1; i < scales.size(); i++) {
            int coarse = scales.get(i - 1).side();
            int fine = scales.get(i).side();
            if (coarse >= fine || fine % coarse != 0) {
                throw new M3Exception(
                        "ladder "
                                + scales
                                + ": the side of each scale must divide the side of the next, but "
                                + coarse
                                + " (scale "
                                + scales.get(i - 1)
                                + ") does not divide "
                                + fine
                                + " (scale "
                                + scales.get(i)
                                + ")");
            }
        }
    }

    /**
     * The ladder of a grid by its prime factors, the smallest taken off first: 24×24 gives 1, 9,
     * 36, 144, 576, the scales of M3 (arXiv 2405.17430, section 3).
     *
     * @param gridSide tokens along one side of the full grid
     * @return the ladder down to one token
     */
    public static Ladder ofGrid(int gridSide) {
        requireSide(gridSide);
        List<Scale> scales = new ArrayList<>();
        for (int side = gridSide; side > 1; side /= smallestPrimeFactor(side)) {
            scales.add(0, Scale.of(side * side));
        }
        scales.add(0, Scale.of(1));
        return new Ladder(scales);
    }

    /**
     * A ladder of chosen scales on a grid.
     *
     * @param gridSide tokens along one side of the full grid
     * @param tokens the scales in any order; the grid itself may be left out
     * @return the ladder, the grid included
     */
    public static Ladder of(int gridSide, List<Integer> tokens) {
        requireSide(gridSide);
        List<Scale> scales =
                tokens.stream().map(Scale::of).distinct().sorted().collect(Collectors.toList());
        Scale grid = Scale.of(gridSide * gridSide);
        if (scales.isEmpty() || scales.get(scales.size() - 1).compareTo(grid) < 0) {
            scales.add(grid);
        }
        Ladder ladder = new Ladder(scales);
        if (ladder.gridSide() != gridSide) {
            throw new M3Exception(
                    "ladder "
                            + scales
                            + ": scale "
                            + ladder.finest()
                            + " is finer than the "
                            + gridSide
                            + "×"
                            + gridSide
                            + " grid");
        }
        return ladder;
    }

    /**
     * @return tokens along one side of the full grid
     */
    public int gridSide() {
        return finest().side();
    }

    /**
     * @return the scale of the grid itself
     */
    public Scale finest() {
        return scales.get(scales.size() - 1);
    }

    /**
     * @return the scale of fewest tokens
     */
    public Scale coarsest() {
        return scales.get(0);
    }

    /**
     * @param scale any scale
     * @return whether this ladder has it
     */
    public boolean contains(Scale scale) {
        return scales.contains(scale);
    }

    /**
     * @param scale the scale asked for
     * @return the same scale
     * @throws M3Exception if this ladder does not have it; the message names those it has
     */
    public Scale require(Scale scale) {
        if (!contains(Arguments.required(scale, "scale"))) {
            throw new M3Exception(
                    "scale "
                            + scale
                            + ": the "
                            + gridSide()
                            + "×"
                            + gridSide()
                            + " grid of this model has the scales "
                            + scales.stream()
                                    .map(Scale::toString)
                                    .collect(Collectors.joining(", ")));
        }
        return scale;
    }

    /**
     * @param scale a scale of this ladder
     * @return tokens of the full grid along one side of the square that one token of {@code scale}
     *     covers: kernel and stride of the pooling
     */
    public int cell(Scale scale) {
        return gridSide() / require(scale).side();
    }

    private static void requireSide(int gridSide) {
        if (gridSide < 1 || gridSide > LONGEST_SIDE) {
            throw new M3Exception("grid side " + gridSide + ": expected 1 to " + LONGEST_SIDE);
        }
    }

    private static int smallestPrimeFactor(int number) {
        for (int factor = 2; (long) factor * factor <= number; factor++) {
            if (number % factor == 0) {
                return factor;
            }
        }
        return number;
    }
}
