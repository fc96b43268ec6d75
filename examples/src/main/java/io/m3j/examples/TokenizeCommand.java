package io.m3j.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.llm.M3Tokenizer;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Text to ids. */
@Command(
        name = "tokenize",
        description =
                "Turn text into ids, with those that begin and end a sequence as the tokenizer's"
                        + " configuration says.")
final class TokenizeCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private TokenizerOptions files;

    @ArgGroup(multiplicity = "1")
    private Input input;

    @Option(
            names = "--json",
            description = "Print an object, {\"ids\":[…]}, instead of ids between commas.")
    private boolean json;

    /** One of the two. */
    private static final class Input {
        @Option(names = "--text", paramLabel = "TEXT", description = "The text.")
        private String text;

        @Option(
                names = "--jsonl",
                paramLabel = "FILE",
                description =
                        "File with an object a line, {\"text\":…}; prints an object a line, in the same"
                                + " order.")
        private Path jsonLines;
    }

    TokenizeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        try (M3Tokenizer tokenizer = files.open()) {
            if (input.jsonLines != null) {
                terminal.out()
                        .print(JsonLines.map(input.jsonLines, line -> encode(tokenizer, line)));
            } else if (json) {
                terminal.out().println(Json.line(object(tokenizer.encode(input.text))));
            } else {
                terminal.out()
                        .println(
                                LongStream.of(tokenizer.encode(input.text))
                                        .mapToObj(Long::toString)
                                        .collect(Collectors.joining(",")));
            }
        }
        return 0;
    }

    private static ObjectNode encode(M3Tokenizer tokenizer, JsonLines.Line line) {
        JsonNode text = line.node().path("text");
        if (!text.isTextual()) {
            throw line.wrong("a \"text\"");
        }
        return object(tokenizer.encode(text.textValue()));
    }

    private static ObjectNode object(long[] ids) {
        ObjectNode object = Json.object();
        ArrayNode array = object.putArray("ids");
        LongStream.of(ids).forEach(array::add);
        return object;
    }
}
