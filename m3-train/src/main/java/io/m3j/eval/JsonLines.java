package io.m3j.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A file of one JSON object a line, in UTF-8; empty lines are passed over. */
final class JsonLines {

    private static final ObjectMapper STRICT =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private JsonLines() {}

    /**
     * One object of a file.
     *
     * @param file it stands in
     * @param number of its line, from 1
     * @param node the object
     */
    record Line(Path file, int number, JsonNode node) {

        /** A text, or a number as text: ids are written both ways. */
        String text(String key) {
            JsonNode value = node.path(key);
            if (!value.isTextual() && !value.isIntegralNumber()) {
                String found = value.isMissingNode() ? "none" : String.valueOf(value);
                throw wrong("\"" + key + "\": a text expected, found " + found);
            }
            return value.asText();
        }

        M3Exception wrong(String what) {
            return new M3Exception(file + ", line " + number + ": " + what);
        }
    }

    /**
     * @throws M3Exception naming file and line, if it is missing or one is no JSON object
     */
    static List<Line> read(Path file) {
        List<Line> lines = new ArrayList<>();
        int number = 0;
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                number++;
                if (!text.isBlank()) {
                    lines.add(parsed(file, number, text));
                }
            }
        } catch (CharacterCodingException e) {
            throw new M3Exception(
                    file + ": expected UTF-8, found other bytes after line " + number, e);
        } catch (NoSuchFileException e) {
            throw new M3Exception(file + ": no such file", e);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read (" + e + ")", e);
        }
        return lines;
    }

    private static Line parsed(Path file, int number, String text) {
        try {
            Line line = new Line(file, number, STRICT.readTree(text));
            if (!line.node().isObject()) {
                throw line.wrong("a JSON object expected, found " + line.node().getNodeType());
            }
            return line;
        } catch (JsonProcessingException e) {
            throw new M3Exception(
                    file + ", line " + number + ": not valid JSON: " + e.getOriginalMessage(), e);
        }
    }
}
