package io.m3j.train.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.NearestWord;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.train.AdamW;
import io.m3j.train.LoraOptions;
import io.m3j.train.LossOptions;
import io.m3j.train.Part;
import io.m3j.train.Schedule;
import io.m3j.train.StepOptions;
import io.m3j.train.data.OnFault;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Reads a recipe section by section; each refuses keys that it does not know. */
final class RecipeReader {

    private static final int MAXIMUM_LENGTH = 2048;

    private final ConfigJson root;
    private final Path base;

    RecipeReader(ConfigJson root, Path base) {
        this.root = root;
        this.base = base;
    }

    Recipe recipe() {
        root.only(
                "model",
                "data",
                "run",
                "steps",
                "epochs",
                "batch",
                "max_length",
                "scales",
                "pooling",
                "loss",
                "optimizer",
                "schedule",
                "freeze",
                "lora",
                "precision",
                "save_precision",
                "activation_checkpointing",
                "curriculum",
                "evaluation",
                "checkpoints",
                "faults",
                "seed");
        RunLength length =
                root.checked(
                        () -> new RunLength(root.integer("steps", 0), root.number("epochs", 0)));
        StepOptions step =
                root.checked(
                        () ->
                                new StepOptions(
                                        word(root, "pooling", Pooling.AVERAGE, Pooling.values()),
                                        precision(),
                                        root.integer("activation_checkpointing", 0),
                                        root.integer("max_length", MAXIMUM_LENGTH)));
        ConfigJson optimizer =
                root.object("optimizer")
                        .only("learning_rate", "weight_decay", "betas", "epsilon", "clip_norm");
        Map<Part, Double> rates = rates(optimizer);
        AdamW.Options numbers = optimizer.checked(() -> adamW(optimizer));
        double clip = optimizer.number("clip_norm", Double.POSITIVE_INFINITY);
        List<DataSource> data = sources(root);
        return root.checked(
                () ->
                        new Recipe(
                                model(),
                                data,
                                root.has("run") ? Optional.of(path(root, "run")) : Optional.empty(),
                                length,
                                batching(),
                                loss(),
                                step,
                                rates,
                                numbers,
                                clip,
                                schedule(),
                                frozen(),
                                lora(),
                                root.objects("curriculum").stream().map(this::stage).toList(),
                                evaluation(),
                                checkpoints(),
                                faults(),
                                word(root, "save_precision", precision(), FloatType.values()),
                                whole(root, "seed", 0),
                                (ObjectNode) root.node()));
    }

    private ModelSource model() {
        ConfigJson model = section("model").only("from", "random", "seed", "template");
        if (model.has("from") == model.has("random")) {
            throw new M3Exception(
                    model.where()
                            + ": expected either from, a checkpoint, or random, a directory with"
                            + " config.json, found "
                            + (model.has("from") ? "both" : "neither"));
        }
        if (model.has("from") && model.has("seed")) {
            throw model.wrong("seed", "nothing, since no weight of a checkpoint is random");
        }
        boolean random = model.has("random");
        Path directory = path(model, random ? "random" : "from");
        Optional<Long> seed = random ? Optional.of(whole(model, "seed", 0)) : Optional.empty();
        return model.checked(() -> new ModelSource(directory, seed, model.text("template")));
    }

    private List<DataSource> sources(ConfigJson json) {
        List<DataSource> sources = new ArrayList<>();
        for (ConfigJson each : json.objects("data")) {
            each.only("llava", "scenes");
            if (each.has("llava") == each.has("scenes")) {
                throw new M3Exception(each.where() + ": expected either llava or scenes");
            }
            sources.add(each.has("llava") ? llava(each) : scenes(each));
        }
        return sources;
    }

    private DataSource llava(ConfigJson json) {
        ConfigJson llava = json.object("llava").only("annotations", "images");
        return new DataSource.Llava(path(llava, "annotations"), path(llava, "images"));
    }

    private static DataSource scenes(ConfigJson json) {
        ConfigJson scenes =
                json.object("scenes").only("seed", "count", "questions_per_scene", "crowded");
        return scenes.checked(
                () ->
                        new DataSource.Scenes(
                                whole(scenes, "seed", 0),
                                scenes.integer("count"),
                                scenes.integer("questions_per_scene", 1),
                                scenes.flag("crowded", false)));
    }

    private Batching batching() {
        ConfigJson batch =
                section("batch").only("size", "accumulation", "group_by_length", "loaders");
        return batch.checked(
                () ->
                        new Batching(
                                batch.integer("size"),
                                batch.integer("accumulation", 1),
                                batch.flag("group_by_length", false),
                                batch.integer("loaders", 1)));
    }

    private LossRecipe loss() {
        ConfigJson loss =
                root.object("loss")
                        .only(
                                "mode",
                                "weights",
                                "distillation",
                                "consistency",
                                "temperature",
                                "grounding");
        Map<Scale, Double> weights = new TreeMap<>();
        ConfigJson byScale = loss.object("weights");
        byScale.node()
                .fieldNames()
                .forEachRemaining(key -> weights.put(scale(byScale, key), byScale.number(key, 0)));
        LossOptions.Mode[] modes = LossOptions.Mode.values();
        return loss.checked(
                () ->
                        new LossRecipe(
                                scales(root),
                                weights,
                                word(loss, "mode", LossOptions.Mode.ALL_SCALES, modes),
                                loss.number("distillation", 0),
                                loss.number("consistency", 0),
                                loss.number("temperature", 1),
                                loss.number("grounding", 0)));
    }

    private static Scale scale(ConfigJson json, String key) {
        try {
            return Scale.of(Integer.parseInt(key));
        } catch (NumberFormatException e) {
            throw new M3Exception(
                    json.where() + ": expected scales such as 36 as keys, found " + key, e);
        }
    }

    private static List<Scale> scales(ConfigJson json) {
        return json.checked(() -> json.integers("scales").stream().map(Scale::of).toList());
    }

    private static Map<Part, Double> rates(ConfigJson optimizer) {
        Map<Part, Double> rates = new EnumMap<>(Part.class);
        JsonNode value = optimizer.raw("learning_rate");
        if (value.isObject()) {
            ConfigJson parts = optimizer.object("learning_rate").only(words(Part.values()));
            for (Part part : Part.values()) {
                rates.put(part, positive(parts, word(part)));
            }
        } else {
            double all = positive(optimizer, "learning_rate");
            Arrays.stream(Part.values()).forEach(part -> rates.put(part, all));
        }
        return rates;
    }

    private static double positive(ConfigJson json, String key) {
        double value = json.number(key, Double.NaN);
        if (!(value > 0)) {
            throw json.has(key)
                    ? json.wrong(key, "a number above 0")
                    : new M3Exception(
                            json.where() + ": " + key + " is missing, expected a number above 0");
        }
        return value;
    }

    private static AdamW.Options adamW(ConfigJson json) {
        AdamW.Options plain = AdamW.Options.DEFAULT;
        List<Double> betas = json.numbers("betas", List.of(plain.beta1(), plain.beta2()));
        if (betas.size() != 2) {
            throw json.wrong("betas", "two numbers");
        }
        return new AdamW.Options(
                betas.get(0),
                betas.get(1),
                json.number("epsilon", plain.epsilon()),
                json.number("weight_decay", plain.decay()));
    }

    private Schedule schedule() {
        ConfigJson json =
                root.object("schedule")
                        .only("kind", "warm_up_steps", "warm_up_ratio", "decay_ratio");
        return json.checked(
                () ->
                        new Schedule(
                                word(json, "kind", Schedule.Kind.COSINE, Schedule.Kind.values()),
                                json.integer("warm_up_steps", 0),
                                json.number("warm_up_ratio", 0),
                                json.number("decay_ratio", 0)));
    }

    private Set<Part> frozen() {
        Set<Part> frozen = EnumSet.noneOf(Part.class);
        for (String word : texts(root, "freeze")) {
            frozen.add(known(root, "freeze", word, Part.values()));
        }
        return frozen;
    }

    private Optional<LoraOptions> lora() {
        if (!root.has("lora")) {
            return Optional.empty();
        }
        ConfigJson json = root.object("lora").only("targets", "r", "alpha", "dropout");
        if (json.number("dropout", 0) != 0) {
            throw json.wrong(
                    "dropout",
                    "0: adapters are added to the weights before they are used, so that their"
                            + " inputs cannot be dropped apart");
        }
        boolean list = json.raw("targets").isArray();
        List<String> targets =
                json.has("targets") ? texts(json, "targets") : List.of(LoraOptions.DECODER_LAYERS);
        return Optional.of(
                json.checked(
                        () ->
                                new LoraOptions(
                                        targets,
                                        !list,
                                        json.integer("r"),
                                        positive(json, "alpha"))));
    }

    private FloatType precision() {
        return word(root, "precision", FloatType.FLOAT32, FloatType.values());
    }

    private CurriculumStage stage(ConfigJson json) {
        json.only("until_step", "until_fraction", "scales", "tower_window");
        if (!json.has("scales")) {
            throw new M3Exception(json.where() + ": scales is missing, expected a list of scales");
        }
        return json.checked(
                () ->
                        new CurriculumStage(
                                json.integer("until_step", 0),
                                json.number("until_fraction", 0),
                                scales(json),
                                json.integer("tower_window", 0)));
    }

    private Optional<EvaluationPlan> evaluation() {
        if (!root.has("evaluation")) {
            return Optional.empty();
        }
        ConfigJson json =
                root.object("evaluation").only("every_steps", "data", "examples", "early_stopping");
        List<DataSource> data = sources(json);
        if (data.isEmpty()) {
            throw new M3Exception(json.where() + ": data is missing, expected a list of sources");
        }
        return Optional.of(
                json.checked(
                        () ->
                                new EvaluationPlan(
                                        json.integer("every_steps"),
                                        data,
                                        json.integer("examples", Integer.MAX_VALUE),
                                        stopping(json))));
    }

    private static Optional<EvaluationPlan.EarlyStopping> stopping(ConfigJson evaluation) {
        if (!evaluation.has("early_stopping")) {
            return Optional.empty();
        }
        ConfigJson json = evaluation.object("early_stopping").only("metric", "patience");
        return Optional.of(
                json.checked(
                        () ->
                                new EvaluationPlan.EarlyStopping(
                                        json.text("metric").orElse(EvaluationPlan.LOSS),
                                        json.integer("patience"))));
    }

    private CheckpointPlan checkpoints() {
        ConfigJson json = root.object("checkpoints").only("every_steps", "every_minutes", "keep");
        boolean said = json.has("every_steps") || json.has("every_minutes");
        return json.checked(
                () ->
                        new CheckpointPlan(
                                json.integer("every_steps", 0),
                                json.number("every_minutes", said ? 0 : 10),
                                json.integer("keep", 2)));
    }

    private FaultPlan faults() {
        ConfigJson json = root.object("faults").only("bad_example", "non_finite_loss", "limit");
        OnFault[] actions = OnFault.values();
        return json.checked(
                () ->
                        new FaultPlan(
                                word(json, "bad_example", OnFault.STOP, actions),
                                word(json, "non_finite_loss", OnFault.STOP, actions),
                                json.integer("limit", 100)));
    }

    private ConfigJson section(String key) {
        if (!root.has(key)) {
            throw new M3Exception(root.where() + ": " + key + " is missing, expected an object");
        }
        return root.object(key);
    }

    private Path path(ConfigJson json, String key) {
        String text =
                json.text(key)
                        .orElseThrow(
                                () ->
                                        new M3Exception(
                                                json.where()
                                                        + ": "
                                                        + key
                                                        + " is missing, expected a path"));
        try {
            return base.resolve(text).normalize();
        } catch (InvalidPathException e) {
            throw json.wrong(key, "a path");
        }
    }

    private static long whole(ConfigJson json, String key, long fallback) {
        JsonNode value = json.raw(key);
        if (!json.has(key)) {
            return fallback;
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw json.wrong(key, "an integer");
        }
        return value.longValue();
    }

    private static List<String> texts(ConfigJson json, String key) {
        List<String> texts = new ArrayList<>();
        if (json.has(key)) {
            JsonNode value = json.raw(key);
            for (JsonNode each : value.isArray() ? value : List.of(value)) {
                if (!each.isTextual()) {
                    throw json.wrong(key, "a text or a list of texts");
                }
                texts.add(each.textValue());
            }
        }
        return texts;
    }

    private static <E extends Enum<E>> E word(ConfigJson json, String key, E fallback, E[] all) {
        return json.text(key).map(text -> known(json, key, text, all)).orElse(fallback);
    }

    private static <E extends Enum<E>> E known(ConfigJson json, String key, String text, E[] all) {
        for (E each : all) {
            if (word(each).equals(text)) {
                return each;
            }
        }
        List<String> words = List.of(words(all));
        throw new M3Exception(
                json.where()
                        + ": "
                        + key
                        + ": expected "
                        + String.join(" or ", words)
                        + ", found "
                        + text
                        + NearestWord.to(text, words)
                                .map(word -> "; did you mean " + word + "?")
                                .orElse(""));
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private static String[] words(Enum<?>[] values) {
        return Arrays.stream(values).map(RecipeReader::word).toArray(String[]::new);
    }
}
