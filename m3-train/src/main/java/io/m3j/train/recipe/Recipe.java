package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.ConfigJson;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.train.AdamW;
import io.m3j.train.LoraOptions;
import io.m3j.train.Part;
import io.m3j.train.Schedule;
import io.m3j.train.StepOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * All that a training run is told. Read from JSON by {@link #read}; {@code docs/guides/recipes.md} lists
 * the keys.
 *
 * @param model what the run starts from
 * @param data what is learnt, one source behind the other
 * @param run directory of the run; empty where whoever starts it says so
 * @param length of the run
 * @param batching how examples come together
 * @param loss what is minimised
 * @param step how a batch is computed
 * @param rates highest learning rate of each part
 * @param optimizer numbers of AdamW
 * @param clipNorm the longest gradient, all parameters taken as one vector; infinite for any
 * @param schedule how the rates change
 * @param frozen parts that do not learn
 * @param lora adapters instead of the weights that they stand for
 * @param curriculum stages of fewer scales before all take part; may be empty
 * @param evaluation when and on what the loss is measured
 * @param checkpoints when the state is written
 * @param faults what becomes of examples and steps that cannot be used
 * @param saved type of the numbers in the trained checkpoint
 * @param seed of everything random
 * @param json the recipe as it was read, for the record of the run
 */
public record Recipe(
        ModelSource model,
        List<DataSource> data,
        Optional<Path> run,
        RunLength length,
        Batching batching,
        LossRecipe loss,
        StepOptions step,
        Map<Part, Double> rates,
        AdamW.Options optimizer,
        double clipNorm,
        Schedule schedule,
        Set<Part> frozen,
        Optional<LoraOptions> lora,
        List<CurriculumStage> curriculum,
        Optional<EvaluationPlan> evaluation,
        CheckpointPlan checkpoints,
        FaultPlan faults,
        FloatType saved,
        long seed,
        ObjectNode json) {

    /** Checks what concerns several parts. */
    public Recipe {
        data = List.copyOf(required(data, "data"));
        curriculum = List.copyOf(required(curriculum, "curriculum"));
        frozen = Set.copyOf(required(frozen, "frozen"));
        if (data.isEmpty()) {
            throw new M3Exception("data: expected one source or more, found none");
        }
        rates = checkedRates(required(rates, "rates"));
        if (!(clipNorm > 0)) {
            throw new M3Exception("clip_norm: expected a number above 0, found " + clipNorm);
        }
        if (model.seed().isPresent() && (!frozen.isEmpty() || lora.isPresent())) {
            throw new M3Exception(
                    "freeze: expected nothing frozen and no lora, since the model starts at random,"
                            + " found "
                            + (lora.isPresent() ? "lora" : frozen));
        }
        if (frozen.containsAll(EnumSet.allOf(Part.class)) && lora.isEmpty()) {
            throw new M3Exception("freeze: expected a part that learns, found all frozen");
        }
        checkScales(curriculum, loss);
        if (!loss.scales().isEmpty()) {
            requireMetric(evaluation, loss.scales());
        }
    }

    /** A copy of what must have a rate for each part. */
    static Map<Part, Double> checkedRates(Map<Part, Double> rates) {
        if (!rates.keySet().equals(EnumSet.allOf(Part.class))) {
            throw new M3Exception(
                    "learning_rate: expected one for each part, found " + rates.keySet());
        }
        rates.forEach((part, rate) -> Range.notNegative("learning_rate of " + part, rate));
        return Collections.unmodifiableMap(new EnumMap<>(rates));
    }

    private static void checkScales(List<CurriculumStage> curriculum, LossRecipe loss) {
        for (CurriculumStage stage : curriculum) {
            if (stage.scales().isEmpty() && loss.grounding() == 0) {
                throw new M3Exception(
                        "curriculum, scales: expected one or more, since the loss has no grounding,"
                                + " found none");
            }
            if (!loss.scales().isEmpty() && !loss.scales().containsAll(stage.scales())) {
                throw new M3Exception(
                        "curriculum: expected some of the scales "
                                + loss.scales()
                                + ", found "
                                + stage.scales());
            }
        }
        for (int i = 1; i < curriculum.size(); i++) {
            CurriculumStage before = curriculum.get(i - 1);
            CurriculumStage after = curriculum.get(i);
            boolean alike = before.untilStep() > 0 == after.untilStep() > 0;
            boolean later =
                    after.untilStep() > before.untilStep()
                            || after.untilFraction() > before.untilFraction();
            if (!alike || !later) {
                throw new M3Exception(
                        "curriculum: expected each stage to end behind the one before, all by"
                                + " until_step or all by until_fraction, found "
                                + before
                                + " before "
                                + after);
            }
        }
    }

    /**
     * Checks that the scale takes part whose loss early stopping watches. A recipe that leaves the scales
     * to the model cannot know before the model is.
     *
     * @param scales that take part
     * @throws M3Exception if it does not
     */
    public void requireMetric(List<Scale> scales) {
        requireMetric(evaluation, scales);
    }

    private static void requireMetric(Optional<EvaluationPlan> evaluation, List<Scale> scales) {
        Optional<EvaluationPlan.EarlyStopping> stopping =
                evaluation.flatMap(EvaluationPlan::earlyStopping);
        Optional<Scale> watched = stopping.flatMap(EvaluationPlan.EarlyStopping::scale);
        if (watched.isPresent() && !scales.contains(watched.get())) {
            List<String> known = new ArrayList<>(List.of(EvaluationPlan.LOSS));
            scales.forEach(scale -> known.add(EvaluationPlan.LOSS + "." + scale));
            throw new M3Exception(
                    "early_stopping, metric: expected one of "
                            + String.join(", ", known)
                            + ", since other scales take no part, found "
                            + stopping.get().metric());
        }
    }

    /**
     * @param file a JSON file; paths in it are relative to its directory
     * @return the recipe
     * @throws M3Exception if a key is unknown, or a value not what it should be; the message says file,
     *     key, what was expected and what was found
     */
    public static Recipe read(Path file) {
        return new RecipeReader(ConfigJson.read(file), file.toAbsolutePath().getParent()).recipe();
    }

    /**
     * @param where names the recipe in messages
     * @param json the recipe
     * @param base directory that its paths are relative to
     * @return the recipe
     * @throws M3Exception as {@link #read}
     */
    public static Recipe of(String where, ObjectNode json, Path base) {
        return new RecipeReader(ConfigJson.of(where, json), base).recipe();
    }

    /**
     * @return the parts of which weights or adapters learn
     */
    public Set<Part> learning() {
        Set<Part> parts = EnumSet.allOf(Part.class);
        parts.removeAll(frozen);
        return Collections.unmodifiableSet(parts);
    }

    /**
     * @param step steps that have been taken
     * @param total steps of the run
     * @param all scales that take part in the loss
     * @return those that take part in this step
     */
    public List<Scale> scalesAt(long step, long total, List<Scale> all) {
        return stageAt(step, total).map(CurriculumStage::scales).orElse(all);
    }

    /**
     * @param step steps that have been taken
     * @param total steps of the run
     * @param all scales that take part in the loss
     * @return those that took part in any of these steps, in their order
     */
    public List<Scale> scalesBefore(long step, long total, List<Scale> all) {
        Set<Scale> taken = new HashSet<>();
        Stream.concat(Stream.of(0L), curriculum.stream().map(stage -> stage.end(total)))
                .filter(first -> first < step)
                .forEach(first -> taken.addAll(scalesAt(first, total, all)));
        return all.stream().filter(taken::contains).toList();
    }

    /**
     * @param step steps that have been taken
     * @param total steps of the run
     * @return where the examples of this step come from, as its stage or the run has it
     */
    public List<DataSource> dataAt(long step, long total) {
        return stageAt(step, total)
                .map(CurriculumStage::data)
                .filter(own -> !own.isEmpty())
                .orElse(data);
    }

    /**
     * @param step steps that have been taken
     * @param total steps of the run
     * @return how the batches of this step are computed
     */
    public StepOptions stepAt(long step, long total) {
        return this.step.withWindow(
                stageAt(step, total).map(CurriculumStage::towerWindow).orElse(0));
    }

    /**
     * @param step steps that have been taken
     * @param total steps of the run
     * @return learning rate of each part in this step, as stage and schedule have it
     */
    public Map<Part, Double> ratesAt(long step, long total) {
        Map<Part, Double> highest =
                stageAt(step, total)
                        .map(CurriculumStage::rates)
                        .filter(own -> !own.isEmpty())
                        .orElse(rates);
        double factor = schedule.factor(step, total);
        Map<Part, Double> now = new EnumMap<>(Part.class);
        highest.forEach((part, rate) -> now.put(part, rate * factor));
        return now;
    }

    /**
     * @param step steps that have been taken, 1 or more
     * @param total steps of the run
     * @return whether the last of them was of a curriculum's stage, so that what an evaluation finds is
     *     not yet what the run is for
     */
    public boolean isStage(long step, long total) {
        return stageAt(step - 1, total).isPresent();
    }

    private Optional<CurriculumStage> stageAt(long step, long total) {
        return curriculum.stream().filter(stage -> step < stage.end(total)).findFirst();
    }
}
