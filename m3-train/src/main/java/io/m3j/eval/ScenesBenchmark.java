package io.m3j.eval;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The generated benchmark, as {@code m3 scenes --out DIR} writes it: {@code questions.jsonl} ({@code
 * question_id, image, text, category}), {@code answers.jsonl} beside it ({@code question_id, answer})
 * and the pictures under {@code images}. An answer is right by {@link ExactMatch}.
 */
public final class ScenesBenchmark implements Benchmark {

    private static final String QUESTIONS = "questions.jsonl";
    private static final String ANSWERS = "answers.jsonl";
    private static final String IMAGES = "images";
    private static final String REMEDY = "; m3 scenes --out DIR writes all of them";

    @Override
    public String name() {
        return "scenes";
    }

    @Override
    public int maxNewTokens() {
        return 16;
    }

    @Override
    public Metric metric() {
        return new ExactMatch();
    }

    @Override
    public List<Path> files(Path questions) {
        Path file = Files.isDirectory(questions) ? questions.resolve(QUESTIONS) : questions;
        return List.of(file, file.resolveSibling(ANSWERS));
    }

    @Override
    public List<Question> read(Path questions, Optional<Path> images) {
        List<Path> files = files(questions);
        for (Path file : files) {
            if (!Files.isRegularFile(file)) {
                throw new M3Exception(file + ": no such file" + REMEDY);
            }
        }
        Path directory = images.orElseGet(() -> files.get(0).resolveSibling(IMAGES));
        if (!Files.isDirectory(directory)) {
            throw new M3Exception(
                    directory + ": expected a directory of pictures, found none" + REMEDY);
        }
        Map<String, String> answers = answers(files.get(1));
        List<Question> read = new ArrayList<>();
        MissingPictures missing = new MissingPictures();
        for (JsonLines.Line line : JsonLines.read(files.get(0))) {
            String id = line.text("question_id");
            String answer = answers.get(id);
            if (answer == null) {
                throw line.wrong("question " + id + " has no answer in " + files.get(1));
            }
            String image = line.text("image");
            Path file = directory.resolve(image);
            missing.unlessThere(file);
            read.add(
                    new Question(
                            id,
                            image,
                            () -> M3Image.of(file),
                            line.text("text"),
                            line.text("category"),
                            answer));
        }
        missing.refuse();
        if (read.isEmpty()) {
            throw new M3Exception(files.get(0) + ": no question in it" + REMEDY);
        }
        return read;
    }

    private static Map<String, String> answers(Path file) {
        Map<String, String> answers = new HashMap<>();
        for (JsonLines.Line line : JsonLines.read(file)) {
            String id = line.text("question_id");
            if (answers.put(id, line.text("answer")) != null) {
                throw line.wrong("a second answer to question " + id);
            }
        }
        return answers;
    }

    /** Told in one message: whoever forgot some pictures forgot many. */
    private static final class MissingPictures {

        private Path first;
        private int count;

        void unlessThere(Path file) {
            if (!Files.isRegularFile(file)) {
                first = first == null ? file : first;
                count++;
            }
        }

        void refuse() {
            if (first != null) {
                String others = count == 1 ? "" : ", and so for " + (count - 1) + " questions more";
                throw new M3Exception("image " + first + ": no such file" + others);
            }
        }
    }
}
