package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.train.run.TrainingListener;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A bar with losses, speed and time left on standard error, and what the trainer says above it. */
final class TrainingProgress implements TrainingListener, AutoCloseable {

    private static final double SECONDS_PER_MINUTE = 60;

    private final Terminal terminal;
    private final Progress bar;

    TrainingProgress(Terminal terminal) {
        this.terminal = terminal;
        this.bar = new Progress(terminal, "training");
    }

    @Override
    public void stepped(Step step) {
        bar.show(
                Math.toIntExact(step.step()),
                Math.toIntExact(step.total()),
                String.format(
                        Locale.ROOT,
                        "loss %s  %.0f tokens/s  %.0f min left",
                        losses(step),
                        step.tokensPerSecond(),
                        Math.ceil(step.secondsLeft() / SECONDS_PER_MINUTE)));
    }

    @Override
    public void evaluated(long step, double loss, Map<Scale, Double> lossByScale) {
        said(
                String.format(
                        Locale.ROOT,
                        "step %d: validation loss %.3f (%s)",
                        step,
                        loss,
                        losses(lossByScale)));
    }

    /** Of each scale, and of the words under patches where they are learnt. */
    static String losses(Step step) {
        String all = losses(step.lossByScale());
        if (step.grounding().isPresent()) {
            double words = step.grounding().getAsDouble();
            all += String.format(Locale.ROOT, " grounding:%.3f", words);
        }
        return all.strip();
    }

    private static String losses(Map<Scale, Double> lossByScale) {
        return lossByScale.entrySet().stream()
                .map(
                        entry ->
                                String.format(
                                        Locale.ROOT, "%s:%.3f", entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(" "));
    }

    @Override
    public void said(String message) {
        terminal.err().println("m3: " + Printable.line(message));
    }

    @Override
    public void close() {
        bar.close();
    }
}
