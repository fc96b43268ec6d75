package io.m3j.train.synthetic;

import static io.m3j.core.Arguments.required;

import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SequenceWriter;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.llm.M3Tokenizer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/**
 * Writes scenes as the files of a LLaVA data set:
 *
 * <ul>
 *   <li>{@code images/ID.png}, a picture a scene;
 *   <li>{@code train.json}, a conversation a scene in LLaVA's form (id, image, conversations);
 *   <li>{@code questions.jsonl}: question_id, image, text, category (the {@link Family});
 *   <li>{@code answers.jsonl}: question_id, answer;
 *   <li>{@code scenes.json}: the seed, the count and the options that make the same files again.
 * </ul>
 */
public final class SceneFiles {

    private static final ObjectMapper JSON = new ObjectMapper();

    private SceneFiles() {}

    /**
     * Writes the first scenes of a seed. The directory appears when it is complete.
     *
     * @param scenes what to draw
     * @param count how many, 1 or more
     * @param out a directory that does not exist yet, or is empty
     * @param progress is told how many of how many scenes are written
     * @return how many questions were written
     * @throws M3Exception if the count is less than 1 or the directory is not free or cannot be
     *     written; nothing of it is kept then
     */
    public static int write(
            Scenes scenes, int count, Path out, BiConsumer<Integer, Integer> progress) {
        required(scenes, "scenes");
        required(progress, "progress");
        if (count < 1) {
            throw new M3Exception("count " + count + ": expected 1 or more");
        }
        Path target = requireFree(required(out, "out"));
        Path staging = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID());
        try {
            Files.createDirectories(target.getParent());
            Files.createDirectories(staging.resolve("images"));
            try {
                int questions = write(scenes, count, progress, staging);
                Files.move(staging, target, StandardCopyOption.ATOMIC_MOVE);
                return questions;
            } finally {
                remove(staging);
            }
        } catch (IOException e) {
            throw new M3Exception(
                    out + ": cannot be written: " + e + "; nothing of it was kept", e);
        }
    }

    private static int write(
            Scenes scenes, int count, BiConsumer<Integer, Integer> progress, Path directory)
            throws IOException {
        Path conversations = directory.resolve("train.json");
        Path questions = directory.resolve("questions.jsonl");
        Path answers = directory.resolve("answers.jsonl");
        Path provenance = directory.resolve("scenes.json");
        ObjectWriter lines = JSON.writer(new MinimalPrettyPrinter("\n"));
        int id = 0;
        try (SequenceWriter trainWriter =
                        JSON.writerWithDefaultPrettyPrinter()
                                .writeValuesAsArray(conversations.toFile());
                SequenceWriter questionWriter = lines.writeValues(questions.toFile());
                SequenceWriter answerWriter = lines.writeValues(answers.toFile())) {
            for (int i = 0; i < count; i++) {
                Scene scene = scenes.scene(i);
                String image = scene.id() + ".png";
                Path file = directory.resolve("images").resolve(image);
                if (!ImageIO.write(scene.picture(), "png", file.toFile())) {
                    throw new IOException("this Java cannot write PNG");
                }
                trainWriter.write(conversation(scene, image));
                for (Question question : scene.questions()) {
                    questionWriter.write(
                            JSON.createObjectNode()
                                    .put("question_id", id)
                                    .put("image", image)
                                    .put("text", question.text())
                                    .put("category", question.family().label()));
                    answerWriter.write(
                            JSON.createObjectNode()
                                    .put("question_id", id)
                                    .put("answer", question.answer()));
                    id++;
                }
                progress.accept(i + 1, count);
            }
        }
        ObjectNode facts = JSON.createObjectNode().put("seed", scenes.seed()).put("count", count);
        facts.set("options", JSON.valueToTree(scenes.options()));
        JSON.writerWithDefaultPrettyPrinter().writeValue(provenance.toFile(), facts);
        for (Path file : List.of(conversations, questions, answers, provenance)) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
        return id;
    }

    private static ObjectNode conversation(Scene scene, String image) {
        ObjectNode node = JSON.createObjectNode().put("id", scene.id()).put("image", image);
        ArrayNode turns = node.putArray("conversations");
        for (Question question : scene.questions()) {
            String marker = turns.isEmpty() ? M3Tokenizer.IMAGE_MARKER + "\n" : "";
            turns.addObject().put("from", "human").put("value", marker + question.text());
            turns.addObject().put("from", "gpt").put("value", question.answer());
        }
        return node;
    }

    private static Path requireFree(Path out) {
        Path target = out.toAbsolutePath().normalize();
        if (target.getParent() == null) {
            throw new M3Exception(out + ": expected a directory to make, found a root");
        }
        if (!Files.exists(target)) {
            return target;
        }
        if (Files.isDirectory(target)) {
            try (Stream<Path> files = Files.list(target)) {
                if (files.findAny().isEmpty()) {
                    return target;
                }
            } catch (IOException e) {
                throw new M3Exception(out + ": cannot be listed: " + e, e);
            }
        }
        throw new M3Exception(
                out + ": expected nothing there or an empty directory; name another one");
    }

    private static void remove(Path staging) throws IOException {
        if (Files.notExists(staging)) {
            return;
        }
        try (Stream<Path> files = Files.walk(staging)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
