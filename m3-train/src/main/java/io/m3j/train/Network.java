package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.core.torch.TrainingKernels.LossWeights;
import io.m3j.core.torch.TrainingKernels.ScaleLoss;
import io.m3j.llm.DecoderConfig;
import io.m3j.llm.RotaryEmbedding;
import io.m3j.vision.ClipVisionConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/** How the parameters of a model become visual tokens, and ids and visual tokens hidden states. */
final class Network {

    private static final String TOWER = "vision_tower.";

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final FloatType type;
    private final int layersAgain;
    private final Masks masks;

    /**
     * A network that drops nothing.
     *
     * @param model whose parameters it computes with
     * @param type that products are computed in
     * @param layersAgain layers between two activations that are kept, the others being computed again on
     *     the way back; 0 keeps all
     */
    Network(TrainableModel model, FloatType type, int layersAgain) {
        this(model, type, layersAgain, Masks.NONE);
    }

    private Network(TrainableModel model, FloatType type, int layersAgain, Masks masks) {
        this.model = model;
        this.kernels = model.kernels();
        this.type = type;
        this.layersAgain = layersAgain;
        this.masks = masks;
    }

    /**
     * @param seed of a batch
     * @return this network with the dropout of its adapters
     */
    Network dropping(long seed) {
        return new Network(model, type, layersAgain, Masks.of(seed));
    }

    /**
     * @param what is read
     * @return this network for one reading, which has masks of its own, if there are any
     */
    Network reading(String what) {
        return new Network(model, type, layersAgain, masks.reading(what));
    }

    /**
     * @param window that attention stays in
     * @return from pixels [T, 3, size, size] to projected tokens [T, N, D]
     */
    Chain eyes(Window window) {
        ClipVisionConfig vision = model.vision();
        int layers = vision.layersUpTo(model.config().visionHiddenState());
        List<Chain.Link> links = new ArrayList<>();
        add(
                links,
                List.of(TOWER + "embeddings.", TOWER + "pre_layrnorm."),
                (owner, pixels) -> {
                    NDArray x =
                            kernels.tower()
                                    .towerEmbed(
                                            owner,
                                            pixels,
                                            towerEmbedding(),
                                            vision.layerNormEpsilon());
                    return window.isWhole()
                            ? x
                            : kernels.tower()
                                    .toWindows(
                                            owner,
                                            x,
                                            window.gridSide(),
                                            window.side(),
                                            window.down(),
                                            window.right());
                });
        for (int start = 0; start < layers; start += step(layers)) {
            int from = start;
            int to = Math.min(layers, start + step(layers));
            add(
                    links,
                    names(TOWER + "encoder.layers.", from, to),
                    (owner, x) ->
                            kernels.tower()
                                    .towerLayers(
                                            owner,
                                            x,
                                            towerLayers(owner, from, to),
                                            vision.heads(),
                                            vision.activation(),
                                            vision.layerNormEpsilon(),
                                            type));
        }
        add(
                links,
                List.of("projector."),
                (owner, x) ->
                        kernels.tower()
                                .project(
                                        owner,
                                        window.isWhole()
                                                ? x
                                                : kernels.tower()
                                                        .fromWindows(
                                                                owner,
                                                                x,
                                                                window.gridSide(),
                                                                window.side(),
                                                                window.down(),
                                                                window.right()),
                                        projector(owner),
                                        model.config().projectorActivation(),
                                        type));
        return new Chain(kernels, links, layersAgain > 0);
    }

    /**
     * @param owner owns the result
     * @param tokens [T, N, D], of all tiles of all pictures of the batch
     * @param places where its embeddings stand
     * @param pooling the kind
     * @param batch rows of it, B
     * @return the embeddings [B, L, D]
     */
    NDArray embeddings(
            NDManager owner, NDArray tokens, Collation places, Pooling pooling, int batch) {
        List<NDArray> visual = new ArrayList<>();
        for (Scale scale : places.scales()) {
            visual.add(kernels.pool(owner, tokens, model.ladder(), scale, pooling)); // [T·s, D]
        }
        if (places.newline()) {
            visual.add(model.parameter(Part.NEWLINE)); //                          [D]
        }
        for (Collation.Resized map : places.resized()) {
            visual.add(
                    kernels.resample(
                            owner,
                            visual.get(places.scales().indexOf(map.scale())),
                            map.rows(),
                            new int[] {map.from().height(), map.from().width()},
                            new int[] {map.to().height(), map.to().width()})); //       [h·w, D]
        }
        return kernels.decoderEmbed(
                owner,
                model.parameter("decoder.embed_tokens.weight"),
                visual,
                places.ids(),
                places.index(),
                batch);
    }

    /**
     * @param owner owns the results
     * @param x what comes out of the last layer, or goes into the first [B, L, D]
     * @param rows places in [B·L] that are to give an id [n]
     * @param targets those ids [n]
     * @param teachers logits of finer scales, or none
     * @param weights of the loss's parts
     * @return the loss
     */
    ScaleLoss loss(
            NDManager owner,
            NDArray x,
            long[] rows,
            long[] targets,
            List<NDArray> teachers,
            LossWeights weights) {
        return kernels.decoderLoss(
                owner,
                x,
                model.parameter("decoder.norm.weight"),
                head(owner),
                rows,
                targets,
                teachers,
                weights,
                model.config().decoder().rmsNormEpsilon(),
                type);
    }

    /**
     * @param owner owns the tables of positions
     * @param length positions of the longest row, L
     * @return from embeddings [B, L, D] to what comes out of the last layer [B, L, D]
     */
    Chain decoder(NDManager owner, int length) {
        DecoderConfig config = model.config().decoder();
        RotaryEmbedding.Angles angles = RotaryEmbedding.angles(config, length);
        Shape table = new Shape(length, config.headSize());
        NDArray cosines = kernels.parameter(owner, angles.cosines(), table, false);
        NDArray sines = kernels.parameter(owner, angles.sines(), table, false);
        List<Chain.Link> links = new ArrayList<>();
        for (int start = 0; start < config.layers(); start += step(config.layers())) {
            int from = start;
            int to = Math.min(config.layers(), start + step(config.layers()));
            add(
                    links,
                    names("decoder.layers.", from, to),
                    (linkOwner, x) ->
                            kernels.decoderLayers(
                                    linkOwner,
                                    x,
                                    decoderLayers(linkOwner, from, to),
                                    cosines,
                                    sines,
                                    config.heads(),
                                    config.keyValueHeads(),
                                    config.rmsNormEpsilon(),
                                    type));
        }
        return new Chain(kernels, links, layersAgain > 0);
    }

    /** The output head [V, D]. */
    private List<NDArray> head(NDManager owner) {
        List<NDArray> weights = new ArrayList<>();
        boolean tied = model.config().decoder().tiedHead();
        linear(owner, weights, tied ? "decoder.embed_tokens" : "decoder.lm_head");
        return weights;
    }

    /** Adds a link that computes with the parameters under these prefixes. */
    private void add(List<Chain.Link> links, List<String> prefixes, Chain.Computation computation) {
        boolean learns = prefixes.stream().anyMatch(model::learnsWithin);
        links.add(new Chain.Link(learns, computation));
    }

    private static List<String> names(String layers, int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> layers + i + ".").toList();
    }

    private int step(int layers) {
        return layersAgain > 0 ? layersAgain : Math.max(1, layers);
    }

    private List<NDArray> towerEmbedding() {
        List<NDArray> weights = new ArrayList<>();
        weights.add(model.parameter(TOWER + "embeddings.patch_embedding.weight"));
        weights.add(model.parameter(TOWER + "embeddings.class_embedding"));
        weights.add(model.parameter(TOWER + "embeddings.position_embedding.weight"));
        layerNorm(weights, TOWER + "pre_layrnorm");
        return weights;
    }

    private List<NDArray> towerLayers(NDManager owner, int from, int to) {
        List<NDArray> weights = new ArrayList<>();
        for (int i = from; i < to; i++) {
            String layer = TOWER + "encoder.layers." + i + ".";
            layerNorm(weights, layer + "layer_norm1");
            linear(owner, weights, layer + "self_attn.q_proj");
            linear(owner, weights, layer + "self_attn.k_proj");
            linear(owner, weights, layer + "self_attn.v_proj");
            linear(owner, weights, layer + "self_attn.out_proj");
            layerNorm(weights, layer + "layer_norm2");
            linear(owner, weights, layer + "mlp.fc1");
            linear(owner, weights, layer + "mlp.fc2");
        }
        return weights;
    }

    private List<NDArray> projector(NDManager owner) {
        List<NDArray> weights = new ArrayList<>();
        for (int i = 0; i < model.config().projectorLayers(); i++) {
            linear(owner, weights, "projector." + i);
        }
        return weights;
    }

    List<NDArray> decoderLayers(NDManager owner, int from, int to) {
        List<NDArray> weights = new ArrayList<>();
        for (int i = from; i < to; i++) {
            String layer = "decoder.layers." + i + ".";
            weights.add(model.parameter(layer + "input_layernorm.weight"));
            linear(owner, weights, layer + "self_attn.q_proj");
            linear(owner, weights, layer + "self_attn.k_proj");
            linear(owner, weights, layer + "self_attn.v_proj");
            linear(owner, weights, layer + "self_attn.o_proj");
            weights.add(model.parameter(layer + "post_attention_layernorm.weight"));
            linear(owner, weights, layer + "mlp.gate_proj");
            linear(owner, weights, layer + "mlp.up_proj");
            linear(owner, weights, layer + "mlp.down_proj");
        }
        return weights;
    }

    private void layerNorm(List<NDArray> weights, String name) {
        weights.add(model.parameter(name + ".weight"));
        weights.add(model.parameter(name + ".bias"));
    }

    /** Weight, bias, and what its adapter has; an empty array for each that there is not. */
    private void linear(NDManager owner, List<NDArray> weights, String name) {
        String weight = name + ".weight";
        String bias = name + ".bias";
        weights.add(model.parameter(weight));
        weights.add(model.parameters().containsKey(bias) ? model.parameter(bias) : model.nothing());
        weights.addAll(
                model.adapters().arrays(weight).orElse(Collections.nCopies(3, model.nothing())));
        weights.add(
                masks.mask(name, model.adapters().dropout(weight))
                        .map(mask -> mask.array(owner))
                        .orElse(model.nothing()));
    }
}
