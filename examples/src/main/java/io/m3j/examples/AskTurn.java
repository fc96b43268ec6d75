package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.llm.M3Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * One {@code --prompt} of several, and which of the pictures are shown with it.
 *
 * @param prompt of this turn
 * @param first of its pictures
 * @param count how many it has
 */
record AskTurn(String prompt, int first, int count) {

    /** Pictures go with the first prompt, or where prompts have {@code <image>}, in their order. */
    static List<AskTurn> of(List<String> prompts, int pictures) {
        List<AskTurn> turns = new ArrayList<>();
        int next = 0;
        for (String prompt : prompts) {
            int markers = M3Tokenizer.imageMarkers(prompt);
            turns.add(new AskTurn(prompt, next, markers));
            next += markers;
        }
        if (next == 0 || prompts.size() == 1) { // of one the model checks it
            turns.set(0, new AskTurn(prompts.get(0), 0, pictures));
        } else if (next != pictures) {
            throw new M3Exception(
                    "--prompt: expected "
                            + M3Tokenizer.IMAGE_MARKER
                            + " as often as there are images, or never; found it "
                            + next
                            + " times for "
                            + pictures);
        }
        return turns;
    }

    <T> List<T> shown(List<T> pictures) {
        return pictures.subList(first, first + count);
    }
}
