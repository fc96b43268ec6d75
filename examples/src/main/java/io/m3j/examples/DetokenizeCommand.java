package io.m3j.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.llm.M3Tokenizer;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Ids to text. */
@Command(name = "detokenize", description = "Turn ids into text.")
final class DetokenizeCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private TokenizerOptions files;

    @ArgGroup(multiplicity = "1")
    private Input input;

    @Option(
            names = "--skip-special-tokens",
            description = "Leave out the ids that begin or end a sequence, and their like.")
    private boolean skipSpecialTokens;

    @Option(
            names = "--json",
            description = "Print an object, {\"text\":…}, instead of the text itself.")
    private boolean json;

    /** One of the two. */
    private static final class Input {
        @Option(
                names = "--ids",
                paramLabel = "LIST",
                converter = PromptIds.Converter.class,
                description = "Ids between commas.")
        private PromptIds ids;

        @Option(
                names = "--jsonl",
                paramLabel = "FILE",
                description =
                        "File with an object a line, {\"ids\":[…]}; prints an object a line, in the"
                                + " same order.")
        private Path jsonLines;
    }

    DetokenizeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        try (M3Tokenizer tokenizer = files.open()) {
            if (input.jsonLines != null) {
                terminal.out()
                        .print(JsonLines.map(input.jsonLines, line -> decode(tokenizer, line)));
                return 0;
            }
            ObjectNode decoded = decode(tokenizer, input.ids.toArray());
            String text = terminal.shown(decoded.get("text").textValue());
            terminal.out().println(json ? Json.line(decoded) : text);
        }
        return 0;
    }

    private ObjectNode decode(M3Tokenizer tokenizer, JsonLines.Line line) {
        JsonNode ids = line.node().path("ids");
        if (!ids.isArray()) {
            throw line.wrong("\"ids\", a list of integers");
        }
        LongStream.Builder values = LongStream.builder();
        for (JsonNode id : ids) {
            if (!id.isIntegralNumber() || !id.canConvertToLong()) {
                throw line.wrong("\"ids\", a list of integers");
            }
            values.add(id.longValue());
        }
        return decode(tokenizer, values.build().toArray());
    }

    private ObjectNode decode(M3Tokenizer tokenizer, long[] ids) {
        return Json.object().put("text", tokenizer.decode(ids, skipSpecialTokens));
    }
}
