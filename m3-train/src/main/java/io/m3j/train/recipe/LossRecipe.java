package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.train.LossOptions;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the loss is made of, before the model's ladder is known.
 *
 * @param scales that take part; empty for the whole ladder of the model
 * @param weights of the scales; empty for their mean
 * @param mode whether every example is read at every scale
 * @param distillation weight of the divergence from the finest scale
 * @param consistency weight of the divergence from the next finer scale
 * @param temperature of both divergences
 * @param grounding weight of what the visual tokens are to say of themselves
 */
public record LossRecipe(
        List<Scale> scales,
        Map<Scale, Double> weights,
        LossOptions.Mode mode,
        double distillation,
        double consistency,
        double temperature,
        double grounding) {

    /** Checks the numbers, and that there is a weight for each scale. */
    public LossRecipe {
        scales = required(scales, "scales").stream().distinct().sorted().toList();
        weights = Map.copyOf(required(weights, "weights"));
        required(mode, "mode");
        if (!weights.isEmpty()) {
            if (scales.isEmpty()) {
                scales = weights.keySet().stream().sorted().toList();
            }
            if (!weights.keySet().equals(Set.copyOf(scales))) {
                throw new M3Exception(
                        "weights: expected one for each of the scales "
                                + scales
                                + ", found "
                                + new TreeMap<>(weights));
            }
        }
        // Checks the numbers, whatever the scales will be.
        new LossOptions(
                weights.isEmpty() ? Map.of(Scale.of(1), 1.0) : weights,
                mode,
                distillation,
                consistency,
                temperature,
                grounding);
    }

    /**
     * @param ladder of the model
     * @return the scales that take part, coarsest first
     * @throws M3Exception if the ladder lacks one of them
     */
    public List<Scale> scales(Ladder ladder) {
        scales.forEach(ladder::require);
        return scales.isEmpty() ? ladder.scales() : scales;
    }

    /**
     * The loss over some of the scales. Their weights are enlarged to sum up to what those of all do, so
     * that the loss keeps its size.
     *
     * @param ladder of the model
     * @param chosen some of the scales that take part
     * @return the options of a step
     */
    public LossOptions options(Ladder ladder, Collection<Scale> chosen) {
        List<Scale> all = scales(ladder);
        double total = all.stream().mapToDouble(scale -> weight(scale, all.size())).sum();
        double part = chosen.stream().mapToDouble(scale -> weight(scale, all.size())).sum();
        Map<Scale, Double> scaled = new TreeMap<>();
        chosen.forEach(scale -> scaled.put(scale, weight(scale, all.size()) * total / part));
        return new LossOptions(scaled, mode, distillation, consistency, temperature, grounding);
    }

    private double weight(Scale scale, int count) {
        return weights.getOrDefault(scale, 1.0 / count);
    }
}
