package io.m3j.examples;

import io.m3j.core.ConfigJson;
import io.m3j.llm.ModelInfo;
import java.nio.file.Path;

/** Random weights answer like any others: whoever reads must be told, by table or note. */
final class Untrained {

    private Untrained() {}

    static boolean is(Path model) {
        return ConfigJson.readIfPresent(model.resolve("config.json"))
                .flag(ModelInfo.UNTRAINED_KEY, false);
    }

    static void note(Terminal terminal) {
        terminal.err()
                .println(
                        "m3: note: this model is untrained (random weights made by a seed): its"
                                + " answers mean nothing");
    }
}
