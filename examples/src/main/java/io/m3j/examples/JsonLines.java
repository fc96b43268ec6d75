package io.m3j.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.Function;

/** A file of one JSON object a line, in UTF-8; empty lines are passed over. */
final class JsonLines {

    private static final ObjectMapper STRICT =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private JsonLines() {}

    /** One object of the file. */
    record Line(Path file, int number, JsonNode node) {

        M3Exception wrong(String expected) {
            String found = node.toString();
            String shown = found.length() > 80 ? found.substring(0, 80) + "…" : found;
            return new M3Exception(
                    file + ", line " + number + ": expected " + expected + ", found " + shown);
        }
    }

    /**
     * Turns each line into an output line, in order. Nothing is returned unless all lines are good,
     * so that a failure leaves no half output.
     */
    static String map(Path file, Function<Line, ObjectNode> answer) {
        StringBuilder output = new StringBuilder();
        int number = 0;
        try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            for (String text = lines.readLine(); text != null; text = lines.readLine()) {
                number++;
                if (!text.isBlank()) {
                    Line line = new Line(file, number, parse(file, number, text));
                    output.append(Json.line(answered(line, answer))).append('\n');
                }
            }
        } catch (CharacterCodingException e) {
            throw new M3Exception(
                    file + ": expected UTF-8, found other bytes after line " + number, e);
        } catch (NoSuchFileException e) {
            throw new M3Exception("--jsonl " + file + ": no such file", e);
        } catch (IOException e) {
            throw new M3Exception("--jsonl " + file + ": cannot be read (" + e + ")", e);
        }
        return output.toString();
    }

    private static ObjectNode answered(Line line, Function<Line, ObjectNode> answer) {
        try {
            return answer.apply(line);
        } catch (M3Exception e) {
            String place = line.file() + ", line " + line.number() + ": ";
            throw e.getMessage().startsWith(place) ? e : new M3Exception(place + e.getMessage(), e);
        }
    }

    private static JsonNode parse(Path file, int number, String text) {
        try {
            JsonNode node = STRICT.readTree(text);
            if (!node.isObject()) {
                throw new Line(file, number, node).wrong("a JSON object");
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new M3Exception(
                    file + ", line " + number + ": not valid JSON: " + e.getOriginalMessage(), e);
        }
    }
}
