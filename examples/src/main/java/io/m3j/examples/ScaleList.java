package io.m3j.examples;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ITypeConverter;

/**
 * Scales between commas, such as {@code 1,9,36}, or {@code auto}.
 *
 * @param tokens in the order given, each once; empty for {@code auto}
 */
record ScaleList(List<Integer> tokens) {

    private static final String AUTO = "auto";

    /** Reads them from an argument; a list that is none is a failure, not a wrong usage. */
    static final class Converter implements ITypeConverter<ScaleList> {
        @Override
        public ScaleList convert(String argument) {
            if (argument.strip().equals(AUTO)) {
                return new ScaleList(List.of());
            }
            List<Integer> tokens = new ArrayList<>();
            for (String element : argument.split(",", -1)) {
                try {
                    tokens.add(Integer.parseInt(element.strip()));
                } catch (NumberFormatException e) {
                    throw new M3Exception(
                            "--tokens: expected scales such as 1,9,36, found '"
                                    + element.strip()
                                    + "'");
                }
            }
            return new ScaleList(tokens.stream().distinct().toList());
        }
    }

    /** The scales, after {@code auto} was refused. */
    List<Scale> scales() {
        if (tokens.isEmpty()) {
            throw new M3Exception(
                    "--tokens auto: a choice of the scale by the model itself is not built yet;"
                            + " name scales, such as --tokens 36 or --tokens 1,9,36,144,576");
        }
        return tokens.stream().map(Scale::of).toList();
    }

    /** The scales, or all of a ladder if none were given. */
    static List<Scale> orAll(ScaleList chosen, Ladder ladder) {
        return chosen == null
                ? ladder.scales()
                : chosen.scales().stream().map(ladder::require).toList();
    }
}
