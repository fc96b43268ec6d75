package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.nn.StoredLevels;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.LinearKernels;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.QuantisedWeight;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.NameMap;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.vision.ClipVisionConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The tensors of a model as a quantised checkpoint holds them, each made when it is written: at most
 * one weight of the model lies in memory at a time. Closing frees the last one.
 */
final class WeightRounding implements AutoCloseable {

    private static final String HEAD = Decoder.HEAD + StoredLevels.LEVELS;
    private static final String EMBEDDINGS = "decoder.embed_tokens.weight";

    /** What a weight becomes. */
    private record Target(MatrixShape layer, Precision precision) {}

    private final Kernels kernels;
    private final ModelTensors tensors;
    private final LoadOptions.LoadProgress progress;
    private final NDManager manager;
    private NDManager current;
    private QuantisedWeight levels;
    private int done;

    /**
     * @param kernels to round with
     * @param tensors of the source
     * @param progress told after each of them
     */
    WeightRounding(Kernels kernels, ModelTensors tensors, LoadOptions.LoadProgress progress) {
        this.kernels = kernels;
        this.tensors = tensors;
        this.progress = progress;
        this.manager = kernels.newManager();
        this.current = manager.newSubManager();
    }

    /**
     * @param writer takes all tensors
     * @param config of the model
     * @param vision sizes of its tower
     * @param precision to quantise to
     * @throws M3Exception if the weight of a linear layer is missing or of another shape
     */
    void addTo(
            SafetensorsWriter writer,
            M3Config config,
            ClipVisionConfig vision,
            Precision precision) {
        Map<String, Target> targets = new HashMap<>();
        for (PartPrecision part : PartPrecision.of(config, vision, precision, OwnKernels.NONE)) {
            for (MatrixShape layer : part.layers()) {
                targets.put(
                        layer.name() + StoredLevels.LEVELS, new Target(layer, part.precision()));
            }
        }
        boolean tied = config.decoder().tiedHead();
        NameMap names = tensors.main().names();
        for (String ours : tensors.names()) {
            Target target = targets.get(PartPrecision.inFirstLayer(ours));
            if (target == null) {
                addPlain(writer, ours, names.theirs(ours));
            } else if (!(tied && ours.equals(HEAD))) {
                addLevels(writer, ours, names.theirs(ours), target);
            }
        }
        if (tied) {
            addLevels(writer, EMBEDDINGS, names.theirs(HEAD), targets.get(HEAD));
        }
    }

    private void addPlain(SafetensorsWriter writer, String ours, String theirs) {
        TensorInfo source = info(ours);
        TensorInfo target = new TensorInfo(theirs, ElementType.BFLOAT16, source.shape());
        writer.add(target, () -> plain(ours, target));
    }

    private StoredTensor plain(String ours, TensorInfo target) {
        StoredTensor stored = tensors.get(ours);
        if (stored.type() == ElementType.BFLOAT16) {
            progress.loaded(++done, tensors.count());
            return new StoredTensor(target.name(), target.type(), target.shape(), stored.data());
        }
        begin();
        return kernels.store(kernels.load(current, stored, FloatType.BFLOAT16), target);
    }

    private void addLevels(SafetensorsWriter writer, String ours, String theirs, Target to) {
        TensorInfo source = info(ours);
        Shape expected = new Shape(to.layer().outputs(), to.layer().inputs());
        if (!source.shape().equals(expected) || !source.type().isFloating()) {
            throw new M3Exception(
                    "tensor "
                            + source.name()
                            + ": expected floating-point numbers of shape "
                            + expected
                            + " by config.json, found "
                            + source.type().safetensorsName()
                            + " of "
                            + source.shape());
        }
        Precision precision = to.precision();
        TensorInfo target =
                StoredLevels.info(theirs, precision, to.layer().outputs(), to.layer().inputs());
        writer.add(target, () -> rounded(ours, precision, target));
        List<TensorInfo> scales = StoredLevels.scales(precision, target);
        for (int i = 0; i < scales.size(); i++) {
            int index = i;
            // Written right behind their levels, so they are at hand.
            writer.add(scales.get(i), () -> stored(l -> l.scales().get(index), scales.get(index)));
        }
    }

    private StoredTensor rounded(String ours, Precision precision, TensorInfo target) {
        begin();
        StoredTensor stored = tensors.get(ours);
        try (NDManager scope = current.newSubManager()) {
            NDArray weight = kernels.load(scope, stored, FloatType.holding(stored.type()));
            levels = new LinearKernels(kernels).quantise(current, weight, precision);
        }
        return stored(QuantisedWeight::levels, target);
    }

    private StoredTensor stored(Function<QuantisedWeight, NDArray> part, TensorInfo info) {
        return kernels.store(part.apply(levels), info);
    }

    /** Frees the tensor before: it has been written. */
    private void begin() {
        current.close();
        current = manager.newSubManager();
        progress.loaded(++done, tensors.count());
    }

    private TensorInfo info(String ours) {
        return tensors.info(ours).orElseThrow();
    }

    @Override
    public void close() {
        manager.close();
    }
}
