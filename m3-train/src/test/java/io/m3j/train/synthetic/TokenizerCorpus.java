package io.m3j.train.synthetic;

import io.m3j.llm.PromptTemplate;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
            lines.add(caption(scene.plan()));
        }
        for (int i = 0; i < REPEATS; i++) {
            // Whole pieces for the words that are read, however seldom the scenes above show one.
            lines.addAll(Words.READABLE);
        }
        lines.addAll(Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8));
        Files.write(Path.of(arguments[1]), lines, StandardCharsets.UTF_8);
    }

    /** Says what the picture shows; the pieces were learnt from these words, whatever captions say now. */
    private static String caption(ScenePlan plan) {
        String where = "The background is a " + plan.place().word() + " at ";
        String big = plan.light().word() + ". The big object is " + a(plan.big().colour()) + " ";
        String kind = plan.big().kind().word() + ". ";
        String counts =
                Stream.of(plan.firstKind(), plan.secondKind())
                        .map(thing -> counted(thing, plan.count(thing)))
                        .collect(Collectors.joining(" and ", "There are ", ". "));
        String shapes =
                plan.shapes().stream()
                        .map(small -> a(small.colour()) + " " + small.shape().word())
                        .collect(Collectors.joining(", ", "The small shapes are ", ". "));
        String texts =
                plan.readables().stream()
                        .map(text -> "The " + text.kind().word() + " says " + text.text() + ".")
                        .collect(Collectors.joining(" "));
        return where + big + kind + counts + shapes + texts;
    }

    private static String a(Colour colour) {
        return (colour == Colour.ORANGE ? "an " : "a ") + colour.word();
    }

    private static String counted(CountedThing kind, int count) {
        return Words.NUMBERS.get(count) + " " + (count == 1 ? kind.word() : kind.plural());
    }
}
