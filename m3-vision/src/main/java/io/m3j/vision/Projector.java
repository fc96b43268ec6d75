package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Activation;
import io.m3j.core.torch.Kernels;
import java.util.ArrayList;
import java.util.List;

/**
 * LLaVA's projector from the tower's width to the decoder's: one linear layer ({@code linear}), or N
 * of them with GELU between ({@code mlpNx_gelu}).
 *
 * <p>Its arrays belong to the manager that the weights were loaded to.
 */
public final class Projector {

    private final Kernels kernels;
    private final List<NDArray> weights;
    private final Activation activation;

    private Projector(Kernels kernels, List<NDArray> weights, Activation activation) {
        this.kernels = kernels;
        this.weights = List.copyOf(weights);
        this.activation = activation;
    }

    /**
     * @param weights names beginning with {@code projector.}
     * @param in the tower's hidden size
     * @param out the decoder's hidden size
     * @param layers linear layers, 1 for {@code linear}
     * @param activation between them
     * @return the projector
     */
    public static Projector load(
            Weights weights, int in, int out, int layers, Activation activation) {
        List<NDArray> arrays = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            String name = "projector." + i;
            arrays.add(weights.get(name + ".weight", out, i == 0 ? in : out));
            arrays.add(weights.getOrEmpty(name + ".bias", out));
        }
        return new Projector(weights.kernels(), arrays, activation);
    }

    /**
     * @param owner owns the result
     * @param features [T, N, tower's hidden size]
     * @return [T, N, decoder's hidden size] in the projector's precision
     */
    public NDArray project(NDManager owner, NDArray features) {
        return kernels.project(owner, features, weights, activation);
    }
}
