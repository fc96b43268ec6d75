package io.m3j.train.recipe;

import static io.m3j.train.recipe.RecipeValues.optionalPath;
import static io.m3j.train.recipe.RecipeValues.path;
import static io.m3j.train.recipe.RecipeValues.whole;
import static io.m3j.train.recipe.RecipeValues.word;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.train.AdamW;
import io.m3j.train.Part;
import io.m3j.train.StepOptions;
import io.m3j.train.data.OnFault;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads a recipe section by section; each refuses keys that it does not know. {@link LearningReader} and
 * {@link DataReader} have sections of their own.
 */
final class RecipeReader {

    private final ConfigJson root;
    private final Path base;
    private final LearningReader learning;
    private final DataReader data;

    RecipeReader(ConfigJson root, Path base) {
        this.root = root;
        this.base = base;
        this.data = new DataReader(root, base);
        this.learning = new LearningReader(root, data);
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
                "tiles_at_once",
                "curriculum",
                "evaluation",
                "checkpoints",
                "faults",
                "seed");
        RunLength length =
                root.checked(
                        () -> new RunLength(root.integer("steps", 0), root.number("epochs", 0)));
        StepOptions step = learning.step();
        Map<Part, Double> rates = learning.rates();
        AdamW.Options numbers = learning.numbers();
        double clip = learning.clipNorm();
        List<DataSource> sources = data.sources(root);
        return root.checked(
                () ->
                        new Recipe(
                                model(),
                                sources,
                                optionalPath(root, "run", base),
                                length,
                                batching(),
                                learning.loss(),
                                step,
                                rates,
                                numbers,
                                clip,
                                learning.schedule(),
                                learning.frozen(),
                                learning.lora(),
                                learning.curriculum(),
                                data.evaluation(),
                                checkpoints(),
                                faults(),
                                learning.saved(),
                                whole(root, "seed", 0),
                                (ObjectNode) root.node()));
    }

    private ModelSource model() {
        ConfigJson model =
                section("model").only("from", "random", "seed", "vision_tower", "template");
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
        if (random && model.has("vision_tower")) {
            throw model.wrong("vision_tower", "nothing, since a random start draws the tower, too");
        }
        Path directory = path(model, random ? "random" : "from", base);
        Optional<Long> seed = random ? Optional.of(whole(model, "seed", 0)) : Optional.empty();
        Optional<Path> tower = optionalPath(model, "vision_tower", base);
        return model.checked(() -> new ModelSource(directory, seed, tower, model.text("template")));
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
}
