package io.m3j.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Answers as a test says; remembers what it was asked. */
final class FakeAnswerer implements Answerer {

    private final Function<Ask, String> answers;
    private final List<Ask> asked = new ArrayList<>();

    /**
     * @param answers from a question to its answer; null fails it
     */
    FakeAnswerer(Function<Ask, String> answers) {
        this.answers = answers;
    }

    @Override
    public void answer(List<Ask> asks, Outcomes outcomes) {
        for (Ask ask : asks) {
            asked.add(ask);
            String text = answers.apply(ask);
            if (text == null) {
                outcomes.failed(ask, "made to fail");
            } else {
                outcomes.answered(ask, text, ask.scale().tokens());
            }
        }
    }

    List<Ask> asked() {
        return asked;
    }
}
