package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.llm.Answer;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Timings;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;

/** What a model says reaches a person's eyes, not the terminal's controls. */
class PrintingTest {

    private static final int SCREEN = 100;

    @Property(tries = 300)
    void anyAnswerFitsTheTable(@ForAll @StringLength(max = 300) String text) {
        AnswerTable table = new AnswerTable();
        Timings timings = new Timings(Duration.ZERO, Duration.ofMillis(7), Duration.ofMillis(6), 3);
        table.add("576", new Answer(text, List.of(5L), 576, 600, FinishReason.LENGTH, timings));
        String printed = table.text("What?", List.of(), true);
        assertThat(printed.lines()).allMatch(line -> line.length() <= SCREEN);
        assertThat(printed.chars().filter(c -> c != '\n')).noneMatch(Character::isISOControl);
    }

    @Property(tries = 300)
    void wrappedLinesHoldTheWholeText(@ForAll @StringLength(max = 300) String text) {
        String shown = Printable.line(text);
        String joined = String.join("", AnswerTable.wrapped(shown));
        assertThat(withoutSpace(joined)).isEqualTo(withoutSpace(shown));
    }

    /** White space of all scripts, as it is stripped where a line breaks. */
    private static String withoutSpace(String text) {
        return text.codePoints()
                .filter(point -> !Character.isWhitespace(point))
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    @Property(tries = 300)
    void streamedPiecesAreTheTextWithoutTheWhiteSpaceAroundIt(
            @ForAll List<@StringLength(max = 4) String> pieces) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Terminal terminal = Terminal.of(out, OutputStream.nullOutputStream(), false, false);
        StreamedText text = new StreamedText(terminal);
        pieces.forEach(text);
        terminal.flush();
        byte[] expected = String.join("", pieces).strip().getBytes(StandardCharsets.UTF_8);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .isEqualTo(new String(expected, StandardCharsets.UTF_8));
    }

    @Example
    void aPersonsTerminalGetsNoControlsAndAPipeGetsTheTextAsItIs() {
        OutputStream none = OutputStream.nullOutputStream();
        assertThat(Terminal.of(none, none, true, false).shown("a\u001b")).isEqualTo("a\uFFFD");
        assertThat(Terminal.of(none, none, false, false).shown("a\u001b")).isEqualTo("a\u001b");
    }

    @Example
    void controlsAndNewlinesDoNotReachATerminal() {
        assertThat(Printable.line(" a\u001b[31m\n\n b\t")).isEqualTo("a\uFFFD[31m b");
        assertThat(Printable.shown("a\u001b\n\u0085")).isEqualTo("a\uFFFD\n\uFFFD");
    }
}
