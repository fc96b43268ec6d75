package io.m3j.llm.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class StopRulesTest {

    @Property(tries = 3000)
    void whateverTheChunkingTheTextUpToTheFirstStopStringIsShown(
            @ForAll("texts") List<String> pieces, @ForAll("stopStrings") List<String> stops) {
        StopRules rules = new StopRules(stops);
        StringBuilder shown = new StringBuilder();
        for (String piece : pieces) {
            shown.append(rules.accept(piece));
            for (String stop : stops) {
                assertThat(shown.indexOf(stop)).as("%s in %s", stop, shown).isNegative();
            }
        }
        shown.append(rules.finish());
        String text = String.join("", pieces);
        int end = firstStop(text, stops);
        assertThat(shown).hasToString(end < 0 ? text : text.substring(0, end));
        assertThat(rules.stopped()).isEqualTo(end >= 0);
        assertThat(rules.finish()).isEmpty();
    }

    /** Where the stop string starts that is complete first; the longest if several are. */
    private static int firstStop(String text, List<String> stops) {
        for (int end = 1; end <= text.length(); end++) {
            String seen = text.substring(0, end);
            int length =
                    stops.stream().filter(seen::endsWith).mapToInt(String::length).max().orElse(0);
            if (length > 0) {
                return end - length;
            }
        }
        return -1;
    }

    /** Few letters, so that stop strings are met, whole and in part. */
    @Provide
    Arbitrary<List<String>> texts() {
        return Arbitraries.strings().withChars("ab#").ofMaxLength(5).list().ofMaxSize(8);
    }

    @Provide
    Arbitrary<List<String>> stopStrings() {
        return Arbitraries.strings()
                .withChars("ab#")
                .ofMinLength(1)
                .ofMaxLength(4)
                .list()
                .ofMaxSize(3);
    }

    @Example
    void theStopStringThatIsCompleteFirstCounts() {
        StopRules whole = new StopRules(List.of("abcd", "c"));
        assertThat(whole.accept("abcd")).isEqualTo("ab");
        StopRules letters = new StopRules(List.of("abcd", "c"));
        assertThat(letters.accept("a") + letters.accept("b") + letters.accept("c")).isEqualTo("ab");
    }

    @Example
    void whatMayBeginAStopStringIsHeldBack() {
        StopRules rules = new StopRules(List.of("</s>", "###"));
        assertThat(rules.accept("one <")).isEqualTo("one ");
        assertThat(rules.accept("/b")).isEqualTo("</b");
        assertThat(rules.accept("##")).isEmpty();
        assertThat(rules.accept(" two #")).isEqualTo("## two ");
        assertThat(rules.finish()).isEqualTo("#");
        assertThat(rules.stopped()).isFalse();
    }

    @Example
    void nothingIsShownAfterAStopString() {
        StopRules rules = new StopRules(List.of("stop"));
        assertThat(rules.accept("a stop b")).isEqualTo("a ");
        assertThat(rules.stopped()).isTrue();
        assertThat(rules.accept("c")).isEmpty();
        assertThat(rules.finish()).isEmpty();
    }
}
