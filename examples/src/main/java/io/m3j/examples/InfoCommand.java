package io.m3j.examples;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.ElementType;
import io.m3j.llm.DecoderConfig;
import io.m3j.llm.ModelInfo;
import io.m3j.llm.ModelShape;
import io.m3j.vision.Resolution;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a checkpoint is and what it costs. */
@Command(
        name = "info",
        description =
                "Say what a checkpoint is and what it costs, from its configuration and the headers of"
                        + " its weights alone.")
final class InfoCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @ArgGroup(multiplicity = "1")
    private Source source;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "1",
            description = "Requests at once that the plan of memory reckons with. Default: 1.")
    private int batch;

    @Option(
            names = "--size",
            paramLabel = "WxH",
            description =
                    "Say also what a picture of so many pixels costs, such as 640x480: into how many"
                            + " tiles it is cut and how many tokens it takes at each scale.")
    private String size;

    @Option(
            names = "--json",
            description = "Print one object; parameters are counted, memory is in bytes.")
    private boolean json;

    /** One of the two. */
    private static final class Source {
        @Parameters(paramLabel = "DIR", description = "Checkpoint: config.json and the weights.")
        private Path directory;

        @Option(
                names = "--random",
                paramLabel = "SHAPE",
                description =
                        "A known shape without any file: llava-1.5-7b, tinyllama-1.1b,"
                                + " clip-l-small or m3j-tiny.")
        private String shape;
    }

    InfoCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        if (batch < 1) {
            throw new M3Exception("--batch " + batch + ": expected 1 or more");
        }
        Optional<Resolution> picture = Optional.ofNullable(size).map(PictureCost::size);
        ModelInfo info =
                source.shape == null
                        ? ModelInfo.read(source.directory)
                        : ModelInfo.random(
                                Refusals.naming(
                                        "--random", "shape", () -> ModelShape.of(source.shape)));
        Optional<PictureCost> cost = picture.map(pixels -> new PictureCost(info, pixels));
        if (json) {
            ObjectNode object = object(info);
            cost.ifPresent(each -> object.set("picture", each.json()));
            terminal.out().println(Json.line(object));
        } else {
            terminal.out().print(text(info, cost.map(PictureCost::text).orElse("")));
        }
        return 0;
    }

    private ObjectNode object(ModelInfo info) {
        ObjectNode object = Json.object();
        object.put("model", info.config().directory().toString());
        object.put("family", info.config().family().label());
        object.put("supported", true);
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
        object.put("default_precision", info.choice().precision().label());
        object.put("default_precision_reason", info.choice().reason());
        object.put("default_precision_device", Devices.label(Device.cpu()));
        ObjectNode weights = object.putObject("weight_bytes");
        info.plans().forEach((precision, plan) -> weights.put(precision.label(), plan.weights()));
        MemoryTable memory = new MemoryTable(info, batch);
        object.set("memory_plan", memory.json());
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

    /** Two levels of 4 bits lie in one byte. */
    private static String label(ElementType type) {
        return type == ElementType.UINT8 ? "int4" : type.name().toLowerCase(Locale.ROOT);
    }

    private String text(ModelInfo info, String picture) {
        StringBuilder text = new StringBuilder();
        ModelInfo.Parameters parameters = info.parameters();
        row(text, "model", info.config().directory());
        row(text, "family", info.config().family().label());
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
        row(text, "context", info.config().decoder().maximumPositions() + " positions");
        row(text, "template", info.template());
        row(text, "tokenizer", info.tokenizer().orElse("none in this directory"));
        row(text, "ends with", info.endOfSequence().stream().sorted().toList());
        row(
                text,
                "precision on a CPU",
                info.choice().precision().label() + ": " + info.choice().reason());
        text.append(picture);
        text.append('\n').append(new MemoryTable(info, batch).text());
        return text.toString();
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
}
