package io.m3j.examples;

import io.m3j.llm.Answer;
import java.nio.file.Path;
import java.text.BreakIterator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The answers at several scales, side by side with what they took; 96 columns wide. */
final class AnswerTable {

    private static final int ANSWER_WIDTH = 56;
    private static final String ROW = "%6s  %-" + ANSWER_WIDTH + "s  %13s  %13s%n";

    private final List<Row> rows = new ArrayList<>();

    private record Row(String scale, Answer answer) {}

    void add(String scale, Answer answer) {
        rows.add(new Row(scale, answer));
    }

    /** The table with its caption. */
    String text(String prompt, List<Path> images, boolean untrained) {
        StringBuilder text = new StringBuilder();
        String pictures =
                images.isEmpty()
                        ? "no picture"
                        : images.stream()
                                .map(image -> String.valueOf(image.getFileName()))
                                .collect(Collectors.joining(", "));
        text.append(Printable.line(prompt + " (" + pictures + ")")).append('\n');
        if (untrained) {
            text.append("The model is untrained (random weights made by a seed): ")
                    .append("its answers mean nothing.\n");
        }
        text.append('\n');
        line(text, "tokens", "answer", "first token", "further token");
        for (Row row : rows) {
            List<String> lines = wrapped(Printable.line(row.answer().text()));
            line(
                    text,
                    row.scale(),
                    lines.get(0),
                    milliseconds(row.answer().timings().timeToFirstToken()),
                    row.answer().timings().decodedTokens() == 0
                            ? "-"
                            : milliseconds(row.answer().timings().timePerToken()));
            lines.stream().skip(1).forEach(rest -> line(text, "", rest, "", ""));
        }
        text.append('\n').append("Times: first token with the encoding (");
        Duration encode = rows.get(0).answer().timings().encode();
        text.append(milliseconds(encode)).append(", done once); further token on average.\n");
        return text.toString();
    }

    private static void line(StringBuilder text, String... cells) {
        text.append(String.format(Locale.ROOT, ROW, (Object[]) cells).stripTrailing()).append('\n');
    }

    private static String milliseconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f ms", Milliseconds.of(duration));
    }

    /** Broken where a line may be broken, or else where it is full. */
    static List<String> wrapped(String text) {
        List<String> lines = new ArrayList<>();
        BreakIterator breaks = BreakIterator.getLineInstance(Locale.ROOT);
        breaks.setText(text);
        int start = 0;
        while (text.length() - start > ANSWER_WIDTH) {
            int full = start + ANSWER_WIDTH;
            int end = breaks.isBoundary(full) ? full : breaks.preceding(full);
            if (end <= start) {
                end = Character.isLowSurrogate(text.charAt(full)) ? full - 1 : full;
            }
            lines.add(text.substring(start, end).stripTrailing());
            start = end;
        }
        lines.add(text.substring(start));
        return lines;
    }
}
