package io.m3j.vision.video;

import io.m3j.core.M3Exception;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;

/**
 * The best of what comes by: so many are held and no more. Of equally good ones the earlier stays.
 *
 * <p>For one thread at a time.
 *
 * @param <T> what is held
 */
public final class Best<T> {

    private record Held<T>(T value, double score, long place) {}

    private final int most;
    private final PriorityQueue<Held<T>> held =
            new PriorityQueue<>(
                    Comparator.comparingDouble((Held<T> one) -> one.score())
                            .thenComparing(Held::place, Comparator.reverseOrder()));
    private long offered;

    /**
     * @param most how many are held, at least 1
     */
    public Best(int most) {
        if (most < 1) {
            throw new M3Exception("the best: expected at least 1 to be held, found " + most);
        }
        this.most = most;
    }

    /**
     * @param value taken up if it is among the best so far
     * @param score how good it is; what is not a number counts as the worst
     * @return what is not held any more, or was not taken up; empty while there is room
     */
    public Optional<T> offer(T value, double score) {
        double orderly = Double.isNaN(score) ? Double.NEGATIVE_INFINITY : score;
        held.add(new Held<>(value, orderly, offered++));
        return held.size() > most ? Optional.of(held.remove().value()) : Optional.empty();
    }

    /**
     * @return how many are held
     */
    public int size() {
        return held.size();
    }

    /**
     * @return those held, in the order in which they came
     */
    public List<T> inOrder() {
        return held.stream()
                .sorted(Comparator.comparingLong(Held::place))
                .map(Held::value)
                .toList();
    }
}
