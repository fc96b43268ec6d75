package io.m3j.train.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.DurableFiles;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.core.weights.ElementType;
import io.m3j.train.Lora;
import io.m3j.train.TrainableModel;
import io.m3j.train.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a run leaves: the trained checkpoint, and its adapters if there are any, each whole or not at all. */
final class PublishedModel {

    /** The key of config.json that names the scales, as the authors of M3 call it. */
    static final String SCALES_KEY = "matryoshka_vis_token_scale";

    /** The key of config.json that names the pooling. */
    static final String POOLING_KEY = "m3j_pooling";

    private static final String CONFIG = "config.json";

    private PublishedModel() {}

    /**
     * @param model that was trained
     * @param lora its adapters
     * @param directory of the run
     * @param recipe of the run
     * @param scales that were trained; none leaves those that the model names itself
     */
    static void write(
            TrainableModel model,
            Optional<Lora> lora,
            RunDirectory directory,
            Recipe recipe,
            List<Scale> scales) {
        ElementType type =
                recipe.saved() == FloatType.BFLOAT16 ? ElementType.BFLOAT16 : ElementType.FLOAT32;
        lora.ifPresent(adapters -> DurableFiles.publish(directory.adapter(), adapters::save));
        DurableFiles.publish(
                directory.model(),
                files -> {
                    model.save(files, type);
                    describe(files.resolve(CONFIG), recipe, scales);
                });
    }

    /** Adds what the visual tokens were made of while the model learnt to read them. */
    private static void describe(Path config, Recipe recipe, List<Scale> scales)
            throws IOException {
        ObjectNode json = (ObjectNode) ConfigJson.read(config).node();
        if (!scales.isEmpty()) {
            ArrayNode tokens = json.putArray(SCALES_KEY);
            scales.forEach(scale -> tokens.add(scale.tokens()));
        }
        json.put(POOLING_KEY, recipe.step().pooling().name().toLowerCase(Locale.ROOT));
        Files.writeString(config, json.toPrettyString());
    }
}
