package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What learns instead of some weights of a model, which then computes with weight · x + factor · up · down
 * · x. The matrices are parameters of the model, which owns them.
 */
final class Adapters {

    /**
     * What learns instead of a weight.
     *
     * @param down our name of the first matrix [r, in]
     * @param up our name of the second [out, r]
     * @param factor of their product
     * @param dropout probability that a number of what goes into the first is dropped in training
     */
    record Adapter(String down, String up, double factor, double dropout) {}

    private final TrainableModel model;
    private final Map<String, Adapter> byWeight = new LinkedHashMap<>();
    private final Map<String, Adapter> aside = new LinkedHashMap<>();
    private final Map<Double, NDArray> factors = new HashMap<>();

    /**
     * @param model whose weights they stand in for
     */
    Adapters(TrainableModel model) {
        this.model = model;
    }

    /**
     * Makes an adapter's matrices parameters that learn, and lets it stand in for a weight.
     *
     * @param weight our name of it, [out, in]
     * @param adapter names of its matrices
     * @param down numbers of the first
     * @param up numbers of the second
     */
    void add(String weight, Adapter adapter, FloatBuffer down, FloatBuffer up) {
        Shape shape = model.parameter(weight).getShape();
        long rank = down.remaining() / shape.get(1);
        model.add(adapter.down(), new Shape(rank, shape.get(1)), down, true);
        model.add(adapter.up(), new Shape(shape.get(0), rank), up, true);
        byWeight.put(weight, adapter);
    }

    /**
     * Adds an adapter to its weight, which is used as it then is; the adapter's matrices stay parameters.
     *
     * @param weight our name of an adapted weight
     */
    void merge(String weight) {
        try (NDManager scope = model.kernels().newManager()) {
            model.kernels().assign(model.parameter(weight), merged(scope, weight));
        }
        aside.put(weight, byWeight.remove(weight));
    }

    /**
     * Takes an adapter out of its weight again, to the rounding of float32, and lets it stand in for it.
     *
     * @param weight our name of a weight whose adapter was merged
     */
    void unmerge(String weight) {
        Adapter adapter = aside.get(weight);
        try (NDManager scope = model.kernels().newManager()) {
            NDArray without = sum(scope, weight, adapter, -adapter.factor());
            model.kernels().assign(model.parameter(weight), without);
        }
        byWeight.put(weight, aside.remove(weight));
    }

    /**
     * @param weight our name of a weight
     * @return whether its adapter is merged into it
     */
    boolean isMerged(String weight) {
        return aside.containsKey(weight);
    }

    /**
     * Checks that all stand in for their weights: one that does not would not learn, and there may be
     * nothing else that does.
     *
     * @throws IllegalStateException if some were merged into their weights
     */
    void requireNoneMerged() {
        if (!aside.isEmpty()) {
            throw new IllegalStateException(
                    "a step: expected adapters beside their weights, found "
                            + aside.size()
                            + " merged into theirs; call unmerge first");
        }
    }

    /**
     * @param weight our name of a weight
     * @return its adapter's two matrices and their factor (0-d); empty if it has none
     */
    Optional<List<NDArray>> arrays(String weight) {
        return Optional.ofNullable(byWeight.get(weight))
                .map(
                        adapter ->
                                List.of(
                                        model.parameter(adapter.down()),
                                        model.parameter(adapter.up()),
                                        factors.computeIfAbsent(adapter.factor(), model::scalar)));
    }

    /**
     * @param weight our name of a weight
     * @return probability that a number of what goes into its adapter is dropped in training; 0 if it has
     *     none
     */
    double dropout(String weight) {
        return byWeight.containsKey(weight) ? byWeight.get(weight).dropout() : 0;
    }

    /**
     * @param owner owns the result, if it is not the parameter itself
     * @param name our name of a parameter
     * @return it with its adapter added, if it has one
     */
    NDArray merged(NDManager owner, String name) {
        Adapter adapter = byWeight.get(name);
        return adapter == null
                ? model.parameter(name)
                : sum(owner, name, adapter, adapter.factor());
    }

    private NDArray sum(NDManager owner, String weight, Adapter adapter, double factor) {
        return model.kernels()
                .adapted(
                        owner,
                        model.parameter(weight),
                        model.parameter(adapter.down()),
                        model.parameter(adapter.up()),
                        factor);
    }
}
