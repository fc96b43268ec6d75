package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Ids that a model goes on with, greedily. */
@Command(
        name = "generate-ids",
        description = {
            "Go on from a prompt of ids, greedily.",
            "Prints the new ids by scale, the end-of-sequence id included if it came. Without --image"
                    + " and --tokens the only scale is called 'text'. Needs no tokenizer."
        })
final class GenerateIdsCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private IdsOptions prompt;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            defaultValue = "" + GenerationOptions.DEFAULT_MAX_NEW_TOKENS,
            description = "Tokens after which to stop. Default: ${DEFAULT-VALUE}.")
    private int maxNewTokens;

    @Option(names = "--ignore-eos", description = "Go on past the end-of-sequence id.")
    private boolean ignoreEndOfSequence;

    @Option(
            names = "--json",
            description = "Print one object, such as {\"1\":[ids…],\"9\":[ids…]}.")
    private boolean json;

    GenerateIdsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        GenerationOptions.Builder options =
                GenerationOptions.builder()
                        .maxNewTokens(maxNewTokens)
                        .ignoreEndOfSequence(ignoreEndOfSequence);
        // Refuses a number out of range before the long work begins.
        Refusals.naming("--max-new-tokens", "maxNewTokens", options::build);
        List<M3Image> pictures = prompt.pictures();
        Map<String, List<Long>> idsByScale = new LinkedHashMap<>();
        try (M3Model model = prompt.load(terminal)) {
            List<Scale> scales = prompt.scales(model);
            prompt.checkSlots(model);
            List<EncodedImage> images = ImageOptions.encode(model, pictures, terminal);
            for (Scale scale : scales) {
                String name = prompt.withoutScale() ? "text" : scale.toString();
                GenerationOptions atScale = options.scale(scale).build();
                idsByScale.put(name, model.generateIds(images, prompt.ids(), atScale));
            }
        }
        print(idsByScale);
        return 0;
    }

    private void print(Map<String, List<Long>> idsByScale) {
        if (json) {
            ObjectNode object = Json.object();
            idsByScale.forEach(
                    (scale, ids) -> {
                        ArrayNode array = object.putArray(scale);
                        ids.forEach(array::add);
                    });
            terminal.out().println(Json.line(object));
        } else {
            idsByScale.forEach(
                    (scale, ids) ->
                            terminal.out()
                                    .println(
                                            scale
                                                    + ": "
                                                    + ids.stream()
                                                            .map(String::valueOf)
                                                            .collect(Collectors.joining(","))));
        }
    }
}
