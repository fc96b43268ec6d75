package io.m3j.llm;

import io.m3j.core.nn.StoredLevels;
import io.m3j.core.torch.LinearKernels;
import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.TensorInfo;
import io.m3j.vision.ClipVisionConfig;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Adds up the bytes of a model's weights, in the forms that they are brought into on a CPU. */
final class WeightMemory {

    private static final Pattern TOWER_LAYER =
            Pattern.compile("vision_tower\\.encoder\\.layers\\.(\\d+)\\..*");
    private static final int OWN_PANEL = 32;
    private static final String TOWER_NORM = "vision_tower.post_layernorm.";

    private final ModelTensors tensors;
    private final boolean mapping;
    private final OwnKernels own;
    private final ElementType activations;
    private long copied;
    private long mapped;
    private long loading;

    /**
     * @param tensors of the model's files
     * @param config of the model
     * @param vision sizes of its tower
     * @param precision to compute in
     * @param mapping whether tensors that need no conversion stay where they lie
     * @param own kernels that it runs by
     */
    WeightMemory(
            ModelTensors tensors,
            M3Config config,
            ClipVisionConfig vision,
            Precision precision,
            boolean mapping,
            OwnKernels own) {
        this.tensors = tensors;
        this.mapping = mapping;
        this.own = own;
        this.activations =
                precision == Precision.FLOAT32 ? ElementType.FLOAT32 : ElementType.BFLOAT16;
        int towerLayers = vision.layersUpTo(config.visionHiddenState());
        List<PartPrecision> parts = PartPrecision.of(config, vision, precision, own);
        Predicate<String> loaded = ours -> isLoaded(ours, towerLayers, vision.layers());
        // What the files hold, whatever config.json promises: who opens them says what is missing.
        Map<String, Long> repeats =
                tensors.names().stream()
                        .filter(loaded)
                        .map(PartPrecision::inFirstLayer)
                        .collect(Collectors.groupingBy(ours -> ours, Collectors.counting()));
        Set<String> linear = new HashSet<>();
        long afterwards = 0;
        // The head comes last: what others take while they are converted, it takes when it is
        // there.
        for (int i = parts.size() - 1; i >= 0; i--) {
            PartPrecision part = parts.get(i);
            part.layers().forEach(layer -> linear.add(layer.name() + StoredLevels.LEVELS));
            long before = copied;
            linears(part, repeats);
            loading = Math.max(loading, converting(part) - afterwards);
            afterwards += copied - before;
        }
        for (String ours : tensors.names()) {
            boolean other =
                    !StoredLevels.isScale(ours)
                            && !linear.contains(PartPrecision.inFirstLayer(ours))
                            && loaded.test(ours);
            if (other) {
                add(tensors.info(ours).orElseThrow());
            }
        }
    }

    private static boolean isLoaded(String ours, int towerLayers, int allTowerLayers) {
        Matcher layer = TOWER_LAYER.matcher(ours);
        return layer.matches()
                ? Long.parseLong(layer.group(1)) < towerLayers
                : !ours.startsWith(TOWER_NORM) || towerLayers == allTowerLayers;
    }

    private void add(TensorInfo info) {
        long elements = info.byteCount() / info.type().bytes();
        add(elements * activations.bytes(), info.type() == activations);
    }

    private void add(long bytes, boolean asStored) {
        if (asStored && mapping) {
            mapped += bytes;
        } else {
            copied += bytes;
        }
    }

    private void linears(PartPrecision part, Map<String, Long> repeatsByName) {
        for (MatrixShape layer : part.layers()) {
            // A tied head has no weight of its own.
            long tied = layer.name().equals(Decoder.HEAD) ? 1 : 0;
            long repeats = repeatsByName.getOrDefault(layer.name() + StoredLevels.LEVELS, tied);
            long weights = layer.outputs() * layer.inputs();
            switch (part.precision()) {
                case FLOAT32 -> copied += repeats * weights * Float.BYTES;
                case BFLOAT16 ->
                        add(
                                repeats * weights * ElementType.BFLOAT16.bytes(),
                                !part.packing() && stored(layer) == ElementType.BFLOAT16);
                // Scales and zero points, 4 bytes each.
                case INT8 -> copied += repeats * (weights + 8 * layer.outputs());
                // A step and an offset for each group, 2 bytes each.
                case INT4 -> copied += repeats * (weights / 2 + 4 * weights / Precision.INT4_GROUP);
            }
        }
    }

    private ElementType stored(MatrixShape layer) {
        Optional<TensorInfo> info = tensors.info(layer.name() + StoredLevels.LEVELS);
        return info.or(() -> tensors.info("decoder.embed_tokens.weight"))
                .map(TensorInfo::type)
                .orElse(activations);
    }

    /** What the two largest layers of a part, which may be fused, take beside their last form. */
    private long converting(PartPrecision part) {
        List<MatrixShape> largest =
                part.layers().stream()
                        .sorted(
                                (a, b) ->
                                        Long.compare(
                                                b.outputs() * b.inputs(), a.outputs() * a.inputs()))
                        .limit(2)
                        .toList();
        long weights = largest.stream().mapToLong(l -> l.outputs() * l.inputs()).sum();
        int fused = largest.size() > 1 ? 1 : 0;
        // Ours packs 32 outputs together: others are copied once more.
        boolean whole = largest.stream().allMatch(l -> l.outputs() % OWN_PANEL == 0);
        int padded = own.quantised() && !whole ? 1 : 0;
        ElementType stored = stored(largest.get(0));
        long rounding =
                !stored.isFloating() ? 0 : 10 * Math.min(weights, LinearKernels.ROUNDED_AT_ONCE);
        return switch (part.precision()) {
            case FLOAT32 -> weights * Float.BYTES * (fused + (stored == activations ? 0 : 1));
            case BFLOAT16 -> part.packing() ? weights * ElementType.BFLOAT16.bytes() * fused : 0;
            case INT8 -> Math.max(weights + rounding, weights * (1 + fused + padded));
            // Levels as int32, as ATen's packing takes them; ours takes the bytes.
            case INT4 -> {
                long levels = own.quantised() ? 0 : weights * Integer.BYTES;
                yield weights / 2 * (2 + fused + padded) + Math.max(rounding, levels);
            }
        };
    }

    /**
     * @return bytes of weights in memory of the process
     */
    long copied() {
        return copied;
    }

    /**
     * @return bytes of weights that are used in the file
     */
    long mapped() {
        return mapped;
    }

    /**
     * @return bytes beside {@link #copied} while a layer is converted, at most
     */
    long loading() {
        return loading;
    }
}
