package io.m3j.examples;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;

/**
 * Scales between commas, such as {@code 1,9,36}, or one for each part of a picture, or {@code auto}.
 *
 * @param tokens in the order given, each once; empty for {@code auto} and for parts
 * @param parts a scale for each part, if that was asked for
 */
record ScaleList(List<Integer> tokens, Optional<PartScales> parts) {

    private static final String AUTO = "auto";

    /** Reads them from an argument; a list that is none is a failure, not a wrong usage. */
    static final class Converter implements ITypeConverter<ScaleList> {
        @Override
        public ScaleList convert(String argument) {
            if (argument.strip().equals(AUTO)) {
                return new ScaleList(List.of(), Optional.empty());
            }
            if (PartScales.is(argument)) {
                return new ScaleList(List.of(), Optional.of(PartScales.of(argument)));
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
            return new ScaleList(tokens.stream().distinct().toList(), Optional.empty());
        }
    }

    /** The scales, after {@code auto} and parts were refused. */
    List<Scale> scales() {
        if (parts.isPresent()) {
            throw new M3Exception(
                    "--tokens "
                            + parts.get()
                            + ": expected scales of whole pictures, such as 1,9,36; m3 ask takes one for"
                            + " each part");
        }
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
