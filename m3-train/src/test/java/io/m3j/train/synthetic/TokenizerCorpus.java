package io.m3j.train.synthetic;

import io.m3j.llm.PromptTemplate;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the text that the tokenizer of m3j-tiny is trained on: what is said about the training scenes,
 * the words around it, and free text.
 */
final class TokenizerCorpus {

    private static final int SCENES = 400;
    private static final int REPEATS = 20;

    private TokenizerCorpus() {}

    /**
     * @param arguments the free text, a line a sentence; the file to write
     * @throws IOException if one of them cannot be read or written
     */
    public static void main(String[] arguments) throws IOException {
        List<String> lines = new ArrayList<>();
        PromptTemplate template = PromptTemplate.named("vicuna_v1");
        Scenes scenes = Scenes.of(Split.TRAIN.first());
        for (int i = 0; i < SCENES; i++) {
            Scene scene = scenes.scene(i);
            lines.add(template.system());
            for (Question question : scene.questions()) {
                lines.add("USER: " + question.text() + " ASSISTANT: " + question.answer());
            }
            lines.add(scene.caption());
        }
        for (int i = 0; i < REPEATS; i++) {
            // Whole pieces for the words that are read, however seldom the scenes above show one.
            lines.addAll(Words.READABLE);
        }
        lines.addAll(Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8));
        Files.write(Path.of(arguments[1]), lines, StandardCharsets.UTF_8);
    }
}
