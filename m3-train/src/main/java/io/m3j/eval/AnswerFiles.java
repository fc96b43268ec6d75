package io.m3j.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Answers in a directory: {@code answers-36.jsonl} and its like, one for each scale, in LLaVA's form
 * ({@code question_id, prompt, text, answer_id, model_id, metadata}). Each answer is written when it is
 * known, so an evaluation that was killed goes on where it was: half a line at the end is dropped and
 * asked again. {@code evaluation.json} says what the answers come from; answers of another model or of
 * other questions are not gone on with. {@code errors.jsonl} has the questions of this run that have
 * no answer; the next run asks them again.
 *
 * <p>The caller closes it. For one thread and one process at a time.
 */
public final class AnswerFiles implements AnswerStore, AutoCloseable {

    /** The questions that have no answer, beside the answers. */
    public static final String ERRORS = "errors.jsonl";

    private static final String SETTINGS = "evaluation.json";

    private static final Pattern ANSWERS = Pattern.compile("answers-(\\d{1,9})\\.jsonl");

    private static final TypeReference<Map<String, String>> SETTINGS_TYPE =
            new TypeReference<>() {};

    private final Path directory;
    private final String modelId;
    private final List<Prediction> known = new ArrayList<>();
    private final Map<String, FileChannel> channels = new TreeMap<>();

    private AnswerFiles(Path directory, String modelId) {
        this.directory = directory;
        this.modelId = modelId;
    }

    /**
     * @param directory made if it is not there
     * @param modelId name of the model in each line
     * @param settings what the answers depend on; those of answers that are there must be equal
     * @return the answers, to be closed by the caller
     * @throws M3Exception if the directory holds answers of other settings, or cannot be written
     */
    public static AnswerFiles open(Path directory, String modelId, Map<String, String> settings) {
        AnswerFiles files = new AnswerFiles(directory, modelId);
        try {
            Files.createDirectories(directory);
            List<Path> answers = new ArrayList<>();
            try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
                for (Path file : all) {
                    if (ANSWERS.matcher(file.getFileName().toString()).matches()) {
                        answers.add(file);
                    }
                }
            }
            if (answers.isEmpty()) {
                DurableFiles.replace(directory.resolve(SETTINGS), ReportJson.pretty(settings));
            } else {
                requireSame(directory.resolve(SETTINGS), settings);
            }
            for (Path file : answers) {
                dropHalfALine(file);
                files.read(file);
            }
            Files.deleteIfExists(directory.resolve(ERRORS));
        } catch (JsonProcessingException e) {
            throw new M3Exception(
                    directory.resolve(SETTINGS)
                            + ": not valid JSON: "
                            + e.getOriginalMessage()
                            + "; name another directory, or remove this one",
                    e);
        } catch (IOException e) {
            throw new M3Exception("answers " + directory + ": cannot be written (" + e + ")", e);
        }
        return files;
    }

    private static void requireSame(Path file, Map<String, String> settings) throws IOException {
        Map<String, String> before =
                Files.exists(file)
                        ? ReportJson.MAPPER.readValue(file.toFile(), SETTINGS_TYPE)
                        : Map.of();
        Set<String> keys = new TreeSet<>(settings.keySet());
        keys.addAll(before.keySet());
        for (String key : keys) {
            String then = before.getOrDefault(key, "not told");
            String now = settings.getOrDefault(key, "not told");
            if (!then.equals(now)) {
                throw new M3Exception(
                        file
                                + ": the answers beside it come from another evaluation: "
                                + key
                                + " was "
                                + then
                                + " and is "
                                + now
                                + "; name another directory, or remove this one");
            }
        }
    }

    /** What stands after the last line feed was cut off by whatever ended the last run. */
    private static void dropHalfALine(Path file) throws IOException {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
            long end = access.length();
            while (end > 0) {
                access.seek(end - 1);
                if (access.read() == '\n') {
                    break;
                }
                end--;
            }
            access.setLength(end);
        }
    }

    private void read(Path file) {
        Matcher name = ANSWERS.matcher(file.getFileName().toString());
        if (!name.matches()) {
            throw new IllegalArgumentException(file.toString());
        }
        Scale scale = Scale.of(Integer.parseInt(name.group(1)));
        for (JsonLines.Line line : JsonLines.read(file)) {
            int visualTokens = line.node().at("/metadata/visual_tokens").asInt(-1);
            if (visualTokens < 0) {
                throw line.wrong("\"visual_tokens\" in \"metadata\" expected; remove this line");
            }
            known.add(
                    new Prediction(
                            line.text("question_id"), scale, line.text("text"), visualTokens));
        }
    }

    @Override
    public List<Prediction> known() {
        return List.copyOf(known);
    }

    @Override
    public void keep(Question question, Prediction prediction) {
        Scale scale = prediction.scale();
        ObjectNode line = ReportJson.MAPPER.createObjectNode();
        line.put("question_id", question.id()).put("prompt", question.text());
        line.put("text", prediction.text()).put("answer_id", question.id() + "@" + scale);
        line.put("model_id", modelId);
        line.putObject("metadata")
                .put("scale", scale.tokens())
                .put("visual_tokens", prediction.visualTokens());
        append("answers-" + scale + ".jsonl", line);
    }

    @Override
    public void keepFailure(Ask ask, String reason) {
        ObjectNode line = ReportJson.MAPPER.createObjectNode();
        line.put("question_id", ask.question().id()).put("image", ask.question().image());
        line.put("scale", ask.scale().tokens()).put("error", reason);
        append(ERRORS, line);
    }

    private void append(String name, ObjectNode line) {
        byte[] bytes = (ReportJson.line(line) + "\n").getBytes(StandardCharsets.UTF_8);
        Path file = directory.resolve(name);
        try {
            FileChannel channel = channels.get(name);
            if (channel == null) {
                channel =
                        FileChannel.open(
                                file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                channels.put(name, channel);
            }
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) {
                channel.write(left);
            }
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be written (" + e + ")", e);
        }
    }

    @Override
    public void close() {
        for (Map.Entry<String, FileChannel> entry : channels.entrySet()) {
            try {
                entry.getValue().close();
            } catch (IOException e) {
                throw new M3Exception(
                        directory.resolve(entry.getKey()) + ": cannot be closed (" + e + ")", e);
            }
        }
    }
}
