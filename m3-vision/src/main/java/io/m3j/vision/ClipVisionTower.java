package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Linear;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.VisionKernels;
import java.util.ArrayList;
import java.util.List;

/**
 * CLIP's vision transformer (Radford et al. 2021): patches and a class token, a norm, then layers of
 * attention and feed-forward, each normed before and added to its input.
 *
 * <p>Its arrays belong to the manager that the weights were loaded to.
 */
public final class ClipVisionTower {

    /** One layer: what the two kernels take, in their order. */
    private record Layer(Linear.Form form, List<NDArray> attention, List<NDArray> mlp) {}

    private final VisionKernels kernels;
    private final ClipVisionConfig config;
    private final NDArray patch;
    private final NDArray classToken;
    private final NDArray positions;
    private final List<NDArray> preNorm;
    private final List<Layer> layers;
    private final List<NDArray> head;

    private ClipVisionTower(Weights weights, ClipVisionConfig config, int layerCount) {
        this.kernels = new VisionKernels(weights.kernels());
        this.config = config;
        long width = config.hiddenSize();
        long side = config.patchSize();
        long tokens = 1 + (long) config.gridSide() * config.gridSide();
        String embeddings = "vision_tower.embeddings.";
        this.patch = weights.get(embeddings + "patch_embedding.weight", width, 3, side, side);
        this.classToken = weights.get(embeddings + "class_embedding", width);
        this.positions = weights.get(embeddings + "position_embedding.weight", tokens, width);
        this.preNorm = norm(weights, "vision_tower.pre_layrnorm", width); // CLIP's own spelling
        this.layers = new ArrayList<>();
        for (int i = 0; i < layerCount; i++) {
            layers.add(layer(weights, "vision_tower.encoder.layers." + i + "."));
        }
        this.head = new ArrayList<>();
        if (layerCount == config.layers() && weights.has("vision_tower.post_layernorm.weight")) {
            head.addAll(norm(weights, "vision_tower.post_layernorm", width));
            if (weights.has("vision_tower.projection.weight")) {
                head.add(weights.get("vision_tower.projection.weight", -1, width));
            }
        }
    }

    /**
     * @param weights of the tower, names beginning with {@code vision_tower.}
     * @param config its sizes
     * @param hiddenState the last one that will be asked for, as {@link
     *     ClipVisionConfig#layersUpTo} counts; the layers behind it are not loaded
     * @return the tower
     */
    public static ClipVisionTower load(Weights weights, ClipVisionConfig config, int hiddenState) {
        return new ClipVisionTower(
                weights.fitting(linearLayers(config)), config, config.layersUpTo(hiddenState));
    }

    /**
     * @param config the tower's sizes
     * @return the linear layers of the first of its layers, by whose sizes all others go
     */
    public static List<MatrixShape> linearLayers(ClipVisionConfig config) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        String layer = "vision_tower.encoder.layers.0.";
        List<MatrixShape> shapes = new ArrayList<>();
        for (String name : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
            shapes.add(new MatrixShape(layer + "self_attn." + name, width, width));
        }
        shapes.add(new MatrixShape(layer + "mlp.fc1", inner, width));
        shapes.add(new MatrixShape(layer + "mlp.fc2", width, inner));
        return shapes;
    }

    private Layer layer(Weights weights, String prefix) {
        long width = config.hiddenSize();
        long inner = config.intermediateSize();
        String self = prefix + "self_attn.";
        List<Linear> attention =
                new ArrayList<>(
                        weights.fused(
                                List.of(self + "q_proj", self + "k_proj", self + "v_proj"),
                                new long[] {width, width, width},
                                width,
                                true));
        attention.add(weights.linear(self + "out_proj", width, width, true));
        Linear fc1 = weights.linear(prefix + "mlp.fc1", inner, width, true);
        Linear fc2 = weights.linear(prefix + "mlp.fc2", width, inner, true);
        return new Layer(
                fc1.form(), // of all of them: `fitting` brings them to one precision
                Linear.operands(norm(weights, prefix + "layer_norm1", width), attention),
                Linear.operands(norm(weights, prefix + "layer_norm2", width), List.of(fc1, fc2)));
    }

    private static List<NDArray> norm(Weights weights, String name, long width) {
        List<NDArray> pair = new ArrayList<>();
        pair.add(weights.get(name + ".weight", width));
        pair.add(weights.get(name + ".bias", width));
        return pair;
    }

    /**
     * @return the sizes
     */
    public ClipVisionConfig config() {
        return config;
    }

    /**
     * The residual stream after some of the layers.
     *
     * @param owner owns the result
     * @param pixels float32 [T, 3, size, size], normalised
     * @param hiddenState as {@link ClipVisionConfig#layersUpTo} counts; −2 for LLaVA
     * @return [T, 1 + N, D], the class token first, in the tower's precision
     */
    public NDArray hiddenState(NDManager owner, NDArray pixels, int hiddenState) {
        int count = config.layersUpTo(hiddenState);
        if (count > layers.size()) {
            throw new IllegalArgumentException(
                    "hidden state " + count + ": only " + layers.size() + " layers are loaded");
        }
        double epsilon = config.layerNormEpsilon();
        NDManager scope = owner.newSubManager();
        NDArray x =
                kernels.clipEmbed(
                        scope,
                        pixels,
                        patch,
                        classToken,
                        positions,
                        preNorm.get(0),
                        preNorm.get(1),
                        epsilon); // [T, 1 + N, D]
        for (Layer layer : layers.subList(0, count)) {
            // One manager a layer: what the layer before left is freed as soon as it is read.
            NDManager next = owner.newSubManager();
            Linear.Form form = layer.form();
            x = kernels.clipAttention(next, x, layer.attention(), form, config.heads(), epsilon);
            x = kernels.clipMlp(next, x, layer.mlp(), form, config.activation(), epsilon);
            scope.close();
            scope = next;
        }
        x.attach(owner);
        scope.close();
        return x;
    }

    /**
     * What LLaVA reads: one hidden state without the class token.
     *
     * @param owner owns the result
     * @param pixels float32 [T, 3, size, size], normalised
     * @param hiddenState −2 for LLaVA
     * @return [T, N, D] in the tower's precision
     */
    public NDArray patchFeatures(NDManager owner, NDArray pixels, int hiddenState) {
        try (NDManager scope = owner.newSubManager()) {
            return kernels.patchesOnly(owner, hiddenState(scope, pixels, hiddenState));
        }
    }

    /**
     * CLIP's summary of a tile: the class token of the last state, normed.
     *
     * @param owner owns the result
     * @param last the last hidden state [T, 1 + N, D]
     * @return [T, D]
     */
    public NDArray pooled(NDManager owner, NDArray last) {
        if (head.isEmpty()) {
            throw new IllegalStateException(
                    "the tower was loaded without its last layer and norm, or has none");
        }
        return kernels.clipPool(owner, last, head.get(0), head.get(1), config.layerNormEpsilon());
    }

    /**
     * The summary in the space that CLIP shares with text.
     *
     * @param owner owns the result
     * @param pooled [T, D] from {@link #pooled}
     * @return [T, projection size]
     */
    public NDArray imageEmbedding(NDManager owner, NDArray pooled) {
        if (head.size() < 3) {
            throw new IllegalStateException("the checkpoint of the tower has no projection");
        }
        return kernels.clipProject(owner, pooled, head.get(2));
    }
}
