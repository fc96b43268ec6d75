package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Activation;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Linear;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.VisionKernels;
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
    private final List<NDArray> operands;
    private final Linear.Form form;
    private final Activation activation;
    private final FloatType type;

    private Projector(
            Kernels kernels, List<Linear> layers, Activation activation, Precision precision) {
        this.kernels = kernels;
        this.operands = Linear.operands(List.of(), layers);
        this.form = layers.get(0).form();
        this.activation = activation;
        this.type = precision.activations();
    }

    /**
     * @param weights names beginning with {@code projector.}
     * @param in the tower's hidden size
     * @param out the decoder's hidden size
     * @param layers linear layers, 1 for {@code linear}
     * @param biased whether they have biases, as all of LLaVA's own do
     * @param activation between them
     * @return the projector
     */
    public static Projector load(
            Weights weights, int in, int out, int layers, boolean biased, Activation activation) {
        List<MatrixShape> shapes = linearLayers(in, out, layers);
        Weights fitting = weights.fitting(shapes);
        List<Linear> linears = new ArrayList<>();
        for (MatrixShape shape : shapes) {
            linears.add(fitting.linear(shape.name(), shape.outputs(), shape.inputs(), biased));
        }
        return new Projector(weights.kernels(), linears, activation, fitting.precision());
    }

    /**
     * @param in the tower's hidden size
     * @param out the decoder's hidden size
     * @param layers linear layers
     * @return their sizes, in order
     */
    public static List<MatrixShape> linearLayers(int in, int out, int layers) {
        List<MatrixShape> shapes = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            shapes.add(new MatrixShape("projector." + i, out, i == 0 ? in : out));
        }
        return shapes;
    }

    /**
     * @param owner owns the result
     * @param features [T, N, tower's hidden size]
     * @return [T, N, decoder's hidden size] in the projector's precision
     */
    public NDArray project(NDManager owner, NDArray features) {
        try (NDManager scope = owner.newSubManager()) {
            NDArray x = kernels.convert(scope, features, type);
            return new VisionKernels(kernels).project(owner, x, operands, form, activation);
        }
    }
}
