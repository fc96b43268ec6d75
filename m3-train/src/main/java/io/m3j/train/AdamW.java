package io.m3j.train;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.OptimizerKernels;
import io.m3j.core.torch.OptimizerKernels.AdamWNumbers;
import io.m3j.core.torch.TrainingKernels;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * AdamW as PyTorch computes it: decay is decoupled, and biases of the moments are corrected. A parameter
 * that learns but that no batch has reached yet has a gradient of zeros behind a {@link TrainingStep}, and is
 * stepped with it; one that does not learn is left alone.
 *
 * <p>Owns native memory, the two moments of each parameter: the caller closes it, before the model.
 */
public final class AdamW implements AutoCloseable {

    /**
     * The numbers of the optimizer.
     *
     * @param beta1 of the first moment
     * @param beta2 of the second
     * @param epsilon added to the root of the second
     * @param decay of weights; norms and biases do not decay, as Hugging Face's trainer has it
     */
    public record Options(double beta1, double beta2, double epsilon, double decay) {

        /** PyTorch's defaults, without decay. */
        public static final Options DEFAULT = new Options(0.9, 0.999, 1e-8, 0);

        /** Checks the ranges. */
        public Options {
            if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
                throw new M3Exception(
                        "optimizer: expected betas from 0 to below 1, found "
                                + beta1
                                + " and "
                                + beta2);
            }
            if (!(epsilon > 0) || !(decay >= 0)) {
                throw new M3Exception(
                        "optimizer: expected an epsilon above 0 and a decay not below 0, found "
                                + epsilon
                                + " and "
                                + decay);
            }
        }
    }

    /**
     * What the optimizer remembers of a parameter.
     *
     * @param mean the first moment, of the parameter's shape
     * @param square the second
     * @param steps that were taken
     */
    public record Moments(NDArray mean, NDArray square, long steps) {}

    /** Parameters that are treated alike. */
    private record Group(Part part, boolean decays, long steps) {}

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final OptimizerKernels optimizer;
    private final Options options;
    private final NDManager manager;
    private final Map<String, Moments> moments = new LinkedHashMap<>();

    /**
     * @param model whose parameters it changes
     * @param options its numbers
     */
    public AdamW(TrainableModel model, Options options) {
        this.model = required(model, "model");
        this.options = required(options, "options");
        this.kernels = model.kernels();
        this.optimizer = kernels.optimizer();
        this.manager = kernels.newManager();
    }

    /**
     * @param name our name of a parameter
     * @return whether its weights decay
     */
    public static boolean decays(String name) {
        return !name.endsWith(".bias") && !name.contains("norm");
    }

    /**
     * Scales all gradients so that their norm, as one vector, is no more than a limit
     * ({@code clip_grad_norm_}).
     *
     * @param limit above 0; infinite to leave them as they are
     * @return the norm before
     */
    public double clip(double limit) {
        try (NDManager scope = kernels.newManager()) {
            List<NDArray> gradients = gradients(scope);
            if (gradients.isEmpty()) {
                return 0;
            }
            double norm = optimizer.totalNorm(gradients);
            double factor = limit / (norm + 1e-6);
            if (factor < 1) {
                optimizer.scaleAll(gradients, factor);
            }
            return norm;
        }
    }

    /**
     * Multiplies all gradients.
     *
     * @param factor by which
     */
    public void scale(double factor) {
        try (NDManager scope = kernels.newManager()) {
            List<NDArray> gradients = gradients(scope);
            if (!gradients.isEmpty()) {
                optimizer.scaleAll(gradients, factor);
            }
        }
    }

    private List<NDArray> gradients(NDManager scope) {
        List<NDArray> gradients = new ArrayList<>();
        for (NDArray parameter : model.parameters().values()) {
            Gradients.gradient(scope, parameter).ifPresent(gradients::add);
        }
        return gradients;
    }

    /**
     * Takes one step along the gradients that have gathered. They stay as they are.
     *
     * @param rate the learning rate of each part
     */
    public void step(ToDoubleFunction<Part> rate) {
        try (NDManager scope = kernels.newManager()) {
            Map<Group, List<String>> groups = new LinkedHashMap<>();
            Map<String, NDArray> gradients = new LinkedHashMap<>();
            model.parameters()
                    .forEach(
                            (name, parameter) -> {
                                Optional<NDArray> gradient = Gradients.gradient(scope, parameter);
                                if (gradient.isPresent()) {
                                    gradients.put(name, gradient.get());
                                    groups.computeIfAbsent(group(name), key -> new ArrayList<>())
                                            .add(name);
                                }
                            });
            groups.forEach((group, names) -> step(group, names, gradients, rate));
        }
    }

    private Group group(String name) {
        Moments known =
                moments.computeIfAbsent(
                        name,
                        key -> {
                            NDArray like = model.parameter(key);
                            return new Moments(
                                    kernels.zeros(manager, like.getShape()),
                                    kernels.zeros(manager, like.getShape()),
                                    0);
                        });
        return new Group(Part.of(name), decays(name), known.steps());
    }

    private void step(
            Group group,
            List<String> names,
            Map<String, NDArray> gradients,
            ToDoubleFunction<Part> rate) {
        AdamWNumbers numbers =
                new AdamWNumbers(
                        rate.applyAsDouble(group.part()),
                        group.decays() ? options.decay() : 0,
                        options.beta1(),
                        options.beta2(),
                        options.epsilon());
        optimizer.adamw(
                names.stream().map(model::parameter).toList(),
                names.stream().map(gradients::get).toList(),
                names.stream().map(name -> moments.get(name).mean()).toList(),
                names.stream().map(name -> moments.get(name).square()).toList(),
                numbers,
                group.steps() + 1);
        for (String name : names) {
            moments.computeIfPresent(
                    name, (key, m) -> new Moments(m.mean(), m.square(), m.steps() + 1));
        }
    }

    /**
     * @return what is remembered, by our names of the parameters; belongs to this optimizer
     */
    public Map<String, Moments> moments() {
        return Map.copyOf(moments);
    }

    /**
     * Takes up what another run remembered.
     *
     * @param name our name of a parameter
     * @param mean its first moment
     * @param square its second
     * @param steps that were taken
     */
    public void restore(String name, FloatBuffer mean, FloatBuffer square, long steps) {
        NDArray like = model.parameter(name);
        Moments before =
                moments.put(
                        name,
                        new Moments(
                                kernels.parameter(manager, mean, like.getShape(), false),
                                kernels.parameter(manager, square, like.getShape(), false),
                                steps));
        if (before != null) {
            before.mean().close();
            before.square().close();
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
