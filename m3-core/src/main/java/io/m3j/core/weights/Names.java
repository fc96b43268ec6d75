package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Tensor names in messages: they come from files, so they may be long or hold anything. */
final class Names {

    private static final int SHOWN_CHARACTERS = 120;
    private static final int NEAREST = 3;

    private Names() {}

    /** A name on one line and of bounded length. */
    static String shown(String name) {
        StringBuilder text = new StringBuilder();
        name.codePoints()
                .limit(SHOWN_CHARACTERS)
                .forEach(
                        point -> {
                            if (Character.isISOControl(point)) {
                                text.append('?');
                            } else {
                                text.appendCodePoint(point);
                            }
                        });
        return name.length() > text.length() ? text + "…" : text.toString();
    }

    /** The failure to find a tensor, with the names that share the most dotted parts. */
    static M3Exception notFound(Path path, String name, Collection<String> names) {
        Set<String> asked = parts(name);
        List<String> nearest =
                names.stream()
                        .sorted(
                                Comparator.comparingLong(
                                        candidate ->
                                                -parts(candidate).stream()
                                                        .filter(asked::contains)
                                                        .count()))
                        .limit(NEAREST)
                        .map(Names::shown)
                        .toList();
        return new M3Exception(
                path
                        + ": no tensor "
                        + shown(name)
                        + " among its "
                        + names.size()
                        + (nearest.isEmpty() ? "" : "; the nearest are " + nearest));
    }

    private static Set<String> parts(String name) {
        return new HashSet<>(Arrays.asList(shown(name).split("\\.")));
    }
}
