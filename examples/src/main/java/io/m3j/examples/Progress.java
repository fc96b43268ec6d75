package io.m3j.examples;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar on standard error, if that is a terminal. */
final class Progress implements AutoCloseable {

    private static final int MILLISECONDS_BETWEEN_UPDATES = 200;

    private final ProgressBar bar;

    Progress(Terminal terminal, String task) {
        bar =
                terminal.errIsTerminal()
                        ? new ProgressBarBuilder()
                                .setTaskName(task)
                                .setStyle(ProgressBarStyle.ASCII)
                                .setUpdateIntervalMillis(MILLISECONDS_BETWEEN_UPDATES)
                                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                                .clearDisplayOnFinish()
                                .build()
                        : null;
    }

    void show(int done, int total) {
        if (bar != null) {
            bar.maxHint(total).stepTo(done);
        }
    }

    void show(int done, int total, String beside) {
        if (bar != null) {
            bar.setExtraMessage(beside);
        }
        show(done, total);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
