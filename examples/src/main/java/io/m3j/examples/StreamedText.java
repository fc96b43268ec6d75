package io.m3j.examples;

import java.util.function.Consumer;

/**
 * Prints an answer piece by piece, without the white space around it: what stands in the end is
 * {@link io.m3j.llm.Answer#text}. On a terminal, control characters are replaced.
 */
final class StreamedText implements Consumer<String> {

    private final Terminal terminal;
    private final StringBuilder held = new StringBuilder();
    private boolean begun;

    StreamedText(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public void accept(String piece) {
        held.append(piece);
        String text = begun ? held.toString() : held.toString().stripLeading();
        String ready = text.stripTrailing();
        held.setLength(0);
        held.append(text, ready.length(), text.length());
        if (!ready.isEmpty()) {
            begun = true;
            terminal.out().print(terminal.shown(ready));
            terminal.out().flush();
        }
    }
}
