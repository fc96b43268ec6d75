package io.m3j.train.run;

import java.util.ArrayList;
import java.util.List;

/** Keeps what it was told; asks for a stop behind each of its steps. */
final class Told implements TrainingListener {
    final List<Step> steps = new ArrayList<>();
    final List<String> said = new ArrayList<>();
    private final long stopAfter;
    M3Trainer trainer;

    Told(long stopAfter) {
        this.stopAfter = stopAfter;
    }

    @Override
    public void stepped(Step step) {
        steps.add(step);
        if (steps.size() == stopAfter) {
            trainer.requestStop();
        }
    }

    @Override
    public void said(String message) {
        said.add(message);
    }
}
