package io.m3j.examples;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What {@code bench} can measure; opening and memory come with each. */
enum BenchPart {
    /** What the machine can do at best. */
    LIMITS,
    /** A picture: preprocessing, tower, projector, pooling. */
    ENCODE,
    /** A prompt at every scale. */
    PREFILL,
    /** A further token at the finest scale. */
    DECODE;

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** None named means all. */
    static Set<BenchPart> of(List<String> labels) {
        if (labels == null) {
            return EnumSet.allOf(BenchPart.class);
        }
        return labels.stream()
                .map(BenchPart::of)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(BenchPart.class)));
    }

    private static BenchPart of(String label) {
        return Arrays.stream(values())
                .filter(part -> part.label().equals(label.strip()))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "--only "
                                                + label
                                                + ": expected some of "
                                                + Arrays.stream(values())
                                                        .map(BenchPart::label)
                                                        .collect(Collectors.joining(", "))));
    }
}
