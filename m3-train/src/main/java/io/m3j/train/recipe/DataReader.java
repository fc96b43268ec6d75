package io.m3j.train.recipe;

import static io.m3j.train.recipe.RecipeValues.path;
import static io.m3j.train.recipe.RecipeValues.whole;

import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.train.synthetic.SceneOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads what of a recipe names examples: those that are learnt, and those whose loss is measured. */
final class DataReader {

    private final ConfigJson root;
    private final Path base;

    DataReader(ConfigJson root, Path base) {
        this.root = root;
        this.base = base;
    }

    List<DataSource> sources(ConfigJson json) {
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
        return new DataSource.Llava(path(llava, "annotations", base), path(llava, "images", base));
    }

    private static DataSource scenes(ConfigJson json) {
        ConfigJson scenes =
                json.object("scenes")
                        .only(
                                "seed",
                                "count",
                                "questions_per_scene",
                                "crowded",
                                "forms_asked",
                                "number_asked",
                                "captions",
                                "blank");
        if (scenes.has("forms_asked") && !scenes.flag("crowded", false)) {
            throw scenes.wrong("forms_asked", "nothing, since the scenes are not crowded");
        }
        return scenes.checked(
                () ->
                        new DataSource.Scenes(
                                whole(scenes, "seed", 0),
                                scenes.integer("count"),
                                scenes.integer("questions_per_scene", 1),
                                scenes.flag("crowded", false),
                                scenes.integer("forms_asked", SceneOptions.USUAL_FORMS_ASKED),
                                scenes.flag("number_asked", false),
                                scenes.flag("captions", false),
                                scenes.flag("blank", false)));
    }

    Optional<EvaluationPlan> evaluation() {
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
}
