package io.m3j.train;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.train.Adapters.Adapter;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * Low-rank adapters on linear layers of a model (Hu et al., arXiv 2106.09685): a weight W becomes W +
 * alpha/r · B · A, of which A and B learn. The other weights of an adapted part are kept as they are;
 * parts without adapters learn as the model was told. With dropout, a {@link TrainingStep} computes W · x +
 * alpha/r · B · A · dropout(x); whatever does not learn computes without.
 *
 * <p>Owns nothing: the matrices belong to the model. For one thread at a time.
 */
public final class Lora {

    private static final String WEIGHT = ".weight";
    private static final String DOWN = ".lora_A.weight";
    private static final String UP = ".lora_B.weight";
    private static final int SHOWN = 3;

    private final TrainableModel model;
    private final LoraOptions options;
    private final List<String> weights;

    private Lora(TrainableModel model, LoraOptions options, List<String> weights) {
        this.model = model;
        this.options = options;
        this.weights = List.copyOf(weights);
    }

    /**
     * @param name our name of a parameter
     * @return whether it is a matrix of an adapter
     */
    static boolean isAdapter(String name) {
        return name.endsWith(DOWN) || name.endsWith(UP);
    }

    /**
     * Puts new adapters on a model, which compute nothing at first: A is random, B zero, as in PEFT.
     *
     * @param model without adapters
     * @param options which layers, and how large
     * @param seed of A
     * @return the adapters
     * @throws M3Exception if no layer matches one of the targets, or a part of one that does is frozen
     */
    public static Lora attach(TrainableModel model, LoraOptions options, long seed) {
        required(options, "options");
        List<String> weights = new ArrayList<>();
        List<String> modules = new ArrayList<>();
        for (String name : List.copyOf(model.parameters().keySet())) {
            if (isLinear(name, model.parameter(name).getShape())) {
                String module = module(model, name);
                modules.add(module);
                if (options.matches(module)) {
                    weights.add(name);
                }
            }
        }
        requireAll(options, modules);
        for (String weight : weights) {
            Shape shape = model.parameter(weight).getShape();
            int inputs = Math.toIntExact(shape.get(1));
            FloatBuffer down = FloatBuffer.allocate(options.rank() * inputs);
            // Kaiming's uniform with a = √5, the default of torch.nn.Linear and so of PEFT's A
            double bound = 1 / Math.sqrt(inputs);
            SplittableRandom random = new SplittableRandom(seed * 31 + weight.hashCode());
            while (down.hasRemaining()) {
                down.put((float) (bound * (2 * random.nextDouble() - 1)));
            }
            int outputs = Math.toIntExact(shape.get(0));
            FloatBuffer up = FloatBuffer.allocate(outputs * options.rank());
            model.adapters().add(weight, adapter(weight, options), down.flip(), up);
        }
        return frozen(new Lora(model, options, weights));
    }

    /** A name that is mistyped must not leave its layers as they are without a word. */
    private static void requireAll(LoraOptions options, List<String> modules) {
        List<String> unknown =
                options.targets().stream()
                        .filter(
                                target ->
                                        modules.stream().noneMatch(m -> options.matches(target, m)))
                        .toList();
        if (!unknown.isEmpty()) {
            throw new M3Exception(
                    "lora, targets "
                            + unknown
                            + ": expected names of linear layers, found none of them; this model has"
                            + " such as "
                            + modules.stream().limit(SHOWN).toList());
        }
    }

    /**
     * Puts adapters on a model that PEFT or {@link #save} wrote.
     *
     * @param model without adapters
     * @param directory with adapter_config.json and adapter_model.safetensors
     * @return the adapters
     * @throws M3Exception if a file is missing or broken, or belongs to another model
     */
    public static Lora load(TrainableModel model, Path directory) {
        LoraOptions options = PeftFiles.options(directory);
        Map<String, String> ours = new HashMap<>();
        model.parameters().keySet().forEach(name -> ours.put(model.theirs(name), name));
        List<String> weights = new ArrayList<>();
        try (Checkpoint file = Checkpoint.open(directory.resolve(PeftFiles.WEIGHTS))) {
            for (String name : file.names()) {
                String theirs = PeftFiles.theirs(file.path(), name);
                if (theirs.endsWith(UP)) {
                    continue; // read with its A
                }
                boolean down = theirs.endsWith(DOWN);
                String full = down ? stripped(theirs, DOWN) + WEIGHT : theirs;
                String weight = ours.get(full);
                if (weight == null) {
                    throw new M3Exception(
                            file.path() + ": tensor " + name + ": this model has no " + full);
                }
                if (down) {
                    String other = stripped(name, DOWN) + UP;
                    Shape shape = model.parameter(weight).getShape();
                    StoredTensor a = sized(file, name, options.rank(), shape.get(1));
                    StoredTensor b = sized(file, other, shape.get(0), options.rank());
                    model.adapters()
                            .add(
                                    weight,
                                    adapter(weight, options),
                                    model.numbers(a),
                                    model.numbers(b));
                    weights.add(weight);
                } else {
                    long[] shape = model.parameter(weight).getShape().getShape();
                    model.assign(weight, model.numbers(sized(file, name, shape)));
                }
            }
            if (weights.isEmpty()) {
                throw new M3Exception(file.path() + ": expected adapters, found none");
            }
        }
        return frozen(new Lora(model, options, weights));
    }

    private static StoredTensor sized(Checkpoint file, String name, long... sizes) {
        TensorInfo info = file.info(name);
        if (!info.shape().equals(new Shape(sizes))) {
            throw new M3Exception(
                    file.path()
                            + ": tensor "
                            + name
                            + ": expected shape "
                            + new Shape(sizes)
                            + ", found "
                            + info.shape());
        }
        return file.get(name);
    }

    private static Adapter adapter(String weight, LoraOptions options) {
        String module = stripped(weight, WEIGHT);
        return new Adapter(module + DOWN, module + UP, options.factor(), options.dropout());
    }

    /** Of a part with adapters, nothing else learns. */
    private static Lora frozen(Lora lora) {
        Set<Part> adapted = EnumSet.noneOf(Part.class);
        for (String weight : lora.weights) {
            Part part = Part.of(weight);
            if (!lora.model.learns(part)) {
                throw new M3Exception(
                        "lora, targets: "
                                + module(lora.model, weight)
                                + " is of the "
                                + part.name().toLowerCase(Locale.ROOT)
                                + ", which is frozen; let the targets leave it out, or take it out of"
                                + " freeze: beside adapters, its weights stay as they are anyway");
            }
            adapted.add(part);
        }
        lora.model
                .parameters()
                .keySet()
                .forEach(
                        name -> {
                            if (adapted.contains(Part.of(name)) && !isAdapter(name)) {
                                lora.model.freeze(name);
                            }
                        });
        return lora;
    }

    private static boolean isLinear(String name, Shape shape) {
        boolean table = name.endsWith("embed_tokens.weight") || name.contains("position_embedding");
        return name.endsWith(WEIGHT) && shape.dimension() == 2 && !table;
    }

    private static String module(TrainableModel model, String name) {
        return stripped(model.theirs(name), WEIGHT);
    }

    private static String stripped(String name, String end) {
        return name.substring(0, name.length() - end.length());
    }

    /**
     * @return our names of the weights that are adapted
     */
    public List<String> weights() {
        return weights;
    }

    /** Adds the adapters to the weights; no step may be taken until {@link #unmerge}. */
    public void merge() {
        requireMerged(false);
        weights.forEach(model.adapters()::merge);
    }

    /** Takes the adapters out of the weights again, to the rounding of float32. */
    public void unmerge() {
        requireMerged(true);
        weights.forEach(model.adapters()::unmerge);
    }

    private void requireMerged(boolean expected) {
        if (weights.stream().anyMatch(model.adapters()::isMerged) != expected) {
            throw new IllegalStateException(
                    "the adapters are " + (expected ? "not merged" : "merged already"));
        }
    }

    /**
     * Writes adapter_config.json and adapter_model.safetensors as PEFT has them. Parts that learn without
     * adapters are written whole, as PEFT's {@code modules_to_save}.
     *
     * @param directory made if it does not exist
     * @throws M3Exception if it cannot be written
     */
    public void save(Path directory) {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        Set<String> whole = new TreeSet<>();
        for (String weight : weights) {
            Adapter adapter = adapter(weight, options);
            String module = module(model, weight);
            tensors.put(module + DOWN, model.parameter(adapter.down()));
            tensors.put(module + UP, model.parameter(adapter.up()));
        }
        model.parameters()
                .forEach(
                        (name, array) -> {
                            if (array.hasGradient() && !isAdapter(name)) {
                                tensors.put(model.theirs(name), array);
                                PeftFiles.moduleOf(model.theirs(name)).ifPresent(whole::add);
                            }
                        });
        PeftFiles.write(
                directory, model.config().directory(), options, tensors, List.copyOf(whole));
    }
}
