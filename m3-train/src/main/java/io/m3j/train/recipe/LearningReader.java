package io.m3j.train.recipe;

import static io.m3j.train.recipe.RecipeValues.known;
import static io.m3j.train.recipe.RecipeValues.positive;
import static io.m3j.train.recipe.RecipeValues.scale;
import static io.m3j.train.recipe.RecipeValues.scales;
import static io.m3j.train.recipe.RecipeValues.texts;
import static io.m3j.train.recipe.RecipeValues.word;
import static io.m3j.train.recipe.RecipeValues.words;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.train.AdamW;
import io.m3j.train.LoraOptions;
import io.m3j.train.LossOptions;
import io.m3j.train.Part;
import io.m3j.train.Schedule;
import io.m3j.train.StepOptions;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Reads what of a recipe says how the model learns: what is computed, minimised, changed and when. */
final class LearningReader {

    private static final int MAXIMUM_LENGTH = 2048;

    private final ConfigJson root;
    private final DataReader data;

    LearningReader(ConfigJson root, DataReader data) {
        this.root = root;
        this.data = data;
    }

    StepOptions step() {
        return root.checked(
                () ->
                        new StepOptions(
                                        word(root, "pooling", Pooling.AVERAGE, Pooling.values()),
                                        precision(),
                                        root.integer("activation_checkpointing", 0),
                                        root.integer("max_length", MAXIMUM_LENGTH))
                                .withTilesAtOnce(root.integer("tiles_at_once", 0)));
    }

    private ConfigJson optimizer() {
        return root.object("optimizer")
                .only("learning_rate", "weight_decay", "betas", "epsilon", "clip_norm");
    }

    AdamW.Options numbers() {
        ConfigJson optimizer = optimizer();
        return optimizer.checked(() -> adamW(optimizer));
    }

    double clipNorm() {
        return optimizer().number("clip_norm", Double.POSITIVE_INFINITY);
    }

    LossRecipe loss() {
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

    Map<Part, Double> rates() {
        return rates(optimizer());
    }

    /** That of a part which is frozen need not be said. */
    private Map<Part, Double> rates(ConfigJson json) {
        Map<Part, Double> rates = new EnumMap<>(Part.class);
        JsonNode value = json.raw("learning_rate");
        if (value.isObject()) {
            ConfigJson parts = json.object("learning_rate").only(words(Part.values()));
            Set<Part> frozen = frozen();
            for (Part part : Part.values()) {
                boolean left = frozen.contains(part) && !parts.has(word(part));
                rates.put(part, left ? 0 : positive(parts, word(part)));
            }
        } else {
            double all = positive(json, "learning_rate");
            Arrays.stream(Part.values()).forEach(part -> rates.put(part, all));
        }
        return rates;
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

    Schedule schedule() {
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

    Set<Part> frozen() {
        Set<Part> frozen = EnumSet.noneOf(Part.class);
        for (String word : texts(root, "freeze")) {
            frozen.add(known(root, "freeze", word, Part.values()));
        }
        return frozen;
    }

    Optional<LoraOptions> lora() {
        if (!root.has("lora")) {
            return Optional.empty();
        }
        ConfigJson json = root.object("lora").only("targets", "r", "alpha", "dropout");
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
                                        positive(json, "alpha"),
                                        json.number("dropout", 0))));
    }

    FloatType saved() {
        return word(root, "save_precision", precision(), FloatType.values());
    }

    private FloatType precision() {
        return word(root, "precision", FloatType.FLOAT32, FloatType.values());
    }

    List<CurriculumStage> curriculum() {
        return root.objects("curriculum").stream().map(this::stage).toList();
    }

    private CurriculumStage stage(ConfigJson json) {
        json.only(
                "until_step", "until_fraction", "scales", "tower_window", "learning_rate", "data");
        if (!json.has("scales")) {
            throw new M3Exception(json.where() + ": scales is missing, expected a list of scales");
        }
        List<DataSource> own = data.sources(json);
        if (json.has("data") && own.isEmpty()) {
            throw new M3Exception(
                    json.where()
                            + ": data: expected one source or more, found none; leave it out to learn"
                            + " from the run's");
        }
        return json.checked(
                () ->
                        new CurriculumStage(
                                json.integer("until_step", 0),
                                json.number("until_fraction", 0),
                                scales(json),
                                json.integer("tower_window", 0),
                                json.has("learning_rate") ? rates(json) : Map.of(),
                                own));
    }
}
