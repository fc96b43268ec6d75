package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.ElementType;
import io.m3j.llm.DecoderConfig;
import io.m3j.llm.M3Config.Family;
import io.m3j.llm.ModelInfo;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a checkpoint is and what it costs. */
@Command(
        name = "info",
        description =
                "Say what a checkpoint is and what it costs, from its configuration and the headers of"
                        + " its weights alone, and where it would run.")
final class InfoCommand implements Callable<Integer> {

    private static final double MEBIBYTE = 1 << 20;

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @Parameters(paramLabel = "DIR", description = "Checkpoint: config.json and the weights.")
    private Path directory;

    @Option(
            names = "--json",
            description = "Print one object; parameters are counted, memory is in bytes.")
    private boolean json;

    InfoCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        ModelInfo info = ModelInfo.read(directory);
        terminal.out().print(json ? Json.line(object(info)) + "\n" : text(info));
        return 0;
    }

    private ObjectNode object(ModelInfo info) {
        ObjectNode object = Json.object();
        object.put("model", directory.toString());
        object.put("family", info.config().family().label());
        object.put("supported", supported(info));
        object.put("model_type", info.config().modelType());
        object.put("layout", layout(info));
        object.put("untrained", info.untrained());
        object.put("parameters", info.parameters().total());
        ObjectNode parameters = object.putObject("parameters_by_part");
        parameters.put("vision_tower", info.parameters().tower().orElse(null));
        parameters.put("projector", info.parameters().projector());
        parameters.put("decoder", info.parameters().decoder());
        object.put("precision", storedAs(info));
        ObjectNode stored = object.putObject("stored_parameters");
        info.storedTypes().forEach((type, count) -> stored.put(label(type), count));
        ObjectNode tower = object.putObject("vision_tower");
        tower.put("inside", info.tower().inside());
        tower.put("directory", info.tower().directory().map(Path::toString).orElse(null));
        tower.put("name", info.tower().named().orElse(null));
        decoder(object.putObject("decoder"), info.config().decoder());
        ArrayNode scales = object.putArray("scales");
        info.scales().forEach(cost -> scales.add(cost.scale().tokens()));
        ObjectNode byScale = object.putObject("memory_by_scale");
        for (ModelInfo.ScaleCost cost : info.scales()) {
            ObjectNode each = byScale.putObject(cost.scale().toString());
            each.put("visual_tokens", cost.visualTokens());
            bytes(each.putObject("kv_cache_bytes"), cost.cacheBytes());
        }
        ObjectNode weights = object.putObject("weight_bytes");
        for (Precision precision : Precision.values()) {
            weights.put(precision.label(), info.parameters().bytes(precision));
        }
        object.put("device", Devices.label(Devices.best()));
        object.put("context", info.config().decoder().maximumPositions());
        object.put("prompt_template", info.template());
        object.put("tokenizer", info.tokenizer().orElse(null));
        ArrayNode end = object.putArray("end_of_sequence");
        info.endOfSequence().stream().sorted().forEach(end::add);
        return object;
    }

    private static void decoder(ObjectNode object, DecoderConfig decoder) {
        object.put("hidden_size", decoder.hiddenSize());
        object.put("intermediate_size", decoder.intermediateSize());
        object.put("layers", decoder.layers());
        object.put("heads", decoder.heads());
        object.put("key_value_heads", decoder.keyValueHeads());
        object.put("vocabulary_size", decoder.vocabularySize());
    }

    private static void bytes(ObjectNode object, Map<Precision, Long> bytes) {
        for (Precision precision : Precision.values()) {
            object.put(precision.label(), bytes.get(precision));
        }
    }

    private static boolean supported(ModelInfo info) {
        return info.config().family() == Family.LLAVA;
    }

    private static String layout(ModelInfo info) {
        return info.layout().name().toLowerCase(Locale.ROOT);
    }

    /** The type of most weights, such as {@code bfloat16}. */
    private static String storedAs(ModelInfo info) {
        return info.storedTypes().entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(entry -> label(entry.getKey()))
                .orElse("none");
    }

    private static String label(ElementType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }

    private String text(ModelInfo info) {
        StringBuilder text = new StringBuilder();
        ModelInfo.Parameters parameters = info.parameters();
        row(text, "model", directory);
        row(
                text,
                "family",
                info.config().family().label()
                        + (supported(info)
                                ? ""
                                : " (images at any resolution are not built yet: it cannot be run)"));
        row(text, "model type", info.config().modelType() + ", layout " + layout(info));
        if (info.untrained()) {
            row(text, "training", "none: random weights made by a seed; answers mean nothing");
        }
        row(text, "parameters", number(parameters.total()));
        row(text, "  vision tower", parameters.tower().map(InfoCommand::number).orElse("?"));
        row(text, "  projector", number(parameters.projector()));
        row(text, "  decoder", number(parameters.decoder()));
        row(text, "stored as", stored(info));
        row(text, "vision tower", tower(info.tower()));
        row(text, "would run on", Devices.label(Devices.best()));
        row(text, "context", info.config().decoder().maximumPositions() + " positions");
        row(text, "template", info.template());
        row(text, "tokenizer", info.tokenizer().orElse("none in this directory"));
        row(text, "ends with", info.endOfSequence().stream().sorted().toList());
        for (Precision precision : Precision.values()) {
            row(text, "weights in " + precision.label(), mebibytes(parameters.bytes(precision)));
        }
        text.append('\n');
        scales(text, info);
        return text.toString();
    }

    private static void scales(StringBuilder text, ModelInfo info) {
        if (info.scales().isEmpty()) {
            row(text, "scales", "? (the vision tower was not found)");
            return;
        }
        text.append(columns("scale", "visual tokens", "KV cache, float32", "KV cache, others"));
        for (ModelInfo.ScaleCost cost : info.scales()) {
            text.append(
                    columns(
                            cost.scale().toString(),
                            Integer.toString(cost.visualTokens()),
                            mebibytes(cost.cacheBytes().get(Precision.FLOAT32)),
                            mebibytes(cost.cacheBytes().get(Precision.BFLOAT16))));
        }
    }

    private static String stored(ModelInfo info) {
        return info.storedTypes().entrySet().stream()
                .map(entry -> label(entry.getKey()) + " (" + number(entry.getValue()) + ")")
                .sorted()
                .collect(Collectors.joining(", "));
    }

    private static String tower(ModelInfo.Tower tower) {
        if (tower.inside()) {
            return "inside the checkpoint";
        }
        String name = tower.named().orElse("(unnamed)");
        return tower.directory()
                .map(found -> name + ", found in " + found)
                .orElse(name + ", not found: name its directory with --vision-tower");
    }

    private static void row(StringBuilder text, String name, Object value) {
        text.append(String.format(Locale.ROOT, "%-20s %s%n", name, Printable.line("" + value)));
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%,.2f MiB", bytes / MEBIBYTE);
    }

    private static String columns(String... cells) {
        return String.format(Locale.ROOT, "%6s  %14s  %18s  %19s%n", (Object[]) cells);
    }
}
