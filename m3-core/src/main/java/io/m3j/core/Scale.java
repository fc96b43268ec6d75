package io.m3j.core;

/**
 * How many visual tokens stand for one tile: always a square, {@code side} × {@code side}.
 *
 * <p>Whether a grid has this scale is the {@link Ladder}'s to say.
 *
 * @param tokens the number of tokens, a square number of at least 1
 */
public record Scale(int tokens) implements Comparable<Scale> {

    /** Checks that {@code tokens} is a positive square. */
    public Scale {
        if (tokens < 1 || squareRoot(tokens) * squareRoot(tokens) != tokens) {
            throw new M3Exception(
                    "scale "
                            + tokens
                            + ": a scale is a square number of tokens such as 1, 9, 36, 144 or 576");
        }
    }

    /**
     * @param tokens the number of tokens, a square
     * @return the scale
     */
    public static Scale of(int tokens) {
        return new Scale(tokens);
    }

    /**
     * @return tokens along one side of the square
     */
    public int side() {
        return squareRoot(tokens);
    }

    @Override
    public int compareTo(Scale other) {
        return Integer.compare(tokens, other.tokens);
    }

    @Override
    public String toString() {
        return Integer.toString(tokens);
    }

    private static int squareRoot(int tokens) {
        // Exact for every int: a double holds 53 bits.
        return (int) Math.round(Math.sqrt(tokens));
    }
}
