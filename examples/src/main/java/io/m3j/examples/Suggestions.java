package io.m3j.examples;

import io.m3j.core.NearestWord;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.UnmatchedArgumentException;

/** What somebody may have meant by a word that is no command or option. */
final class Suggestions {

    private static final int MOST = 2;
    private static final int MOST_EDITS = 2;

    private Suggestions() {}

    /**
     * @return commands within two edits; else picocli's own, which has options too but knows no
     *     letters that changed places
     */
    static List<String> of(UnmatchedArgumentException e) {
        String word = e.getUnmatched().get(0);
        List<String> commands =
                visible(e.getCommandLine())
                        .filter(name -> NearestWord.edits(word, name) <= MOST_EDITS)
                        .toList();
        ToIntFunction<String> distance = name -> NearestWord.edits(word, name);
        return (commands.isEmpty() ? e.getSuggestions() : commands)
                .stream().sorted(Comparator.comparingInt(distance)).limit(MOST).toList();
    }

    private static Stream<String> visible(CommandLine command) {
        return command.getSubcommands().entrySet().stream()
                .filter(entry -> !entry.getValue().getCommandSpec().usageMessage().hidden())
                .map(Map.Entry::getKey);
    }
}
