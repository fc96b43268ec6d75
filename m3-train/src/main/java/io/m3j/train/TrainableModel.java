package io.m3j.train;

import static io.m3j.core.Arguments.required;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.llm.M3Config;
import io.m3j.llm.ModelFiles;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ImageProcessor;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A model whose parameters can learn: float32 arrays under our names, read from a checkpoint of any
 * layout or drawn at random, and written back as a checkpoint.
 *
 * <p>Owns native memory: the caller closes it. For one thread at a time.
 */
public final class TrainableModel implements AutoCloseable {

    private static final long LARGEST_SHARD = 4L << 30;

    private final ModelFiles files;
    private final Kernels conversions;
    private final TrainingKernels kernels;
    private final NDManager manager;
    private final NDArray nothing;
    private final Map<String, NDArray> parameters = new LinkedHashMap<>();
    private final Adapters adapters = new Adapters(this);
    private final Set<Part> learning;
    private ImageProcessor processor;

    private TrainableModel(ModelFiles files, Device device, Set<Part> learning) {
        this.files = files;
        this.learning = Set.copyOf(learning);
        this.conversions = Kernels.load(device);
        try {
            this.kernels = TrainingKernels.load(device);
        } catch (RuntimeException | Error e) {
            conversions.close();
            throw e;
        }
        this.manager = kernels.newManager();
        this.nothing = kernels.zeros(manager, new Shape(0));
    }

    /**
     * Reads a model.
     *
     * @param directory of a checkpoint, in any layout
     * @param device where it learns
     * @param learning the parts that learn; the others stay as they are
     * @return the model
     * @throws M3Exception if a file is missing or broken, or the weights are quantised
     */
    public static TrainableModel open(Path directory, Device device, Set<Part> learning) {
        return open(directory, Optional.empty(), device, learning);
    }

    /**
     * Reads a model.
     *
     * @param directory of a checkpoint, in any layout
     * @param visionTower directory of the tower, for a checkpoint that only names it; empty to look where it
     *     says
     * @param device where it learns
     * @param learning the parts that learn; the others stay as they are
     * @return the model
     * @throws M3Exception if a file is missing or broken, or the weights are quantised
     */
    public static TrainableModel open(
            Path directory, Optional<Path> visionTower, Device device, Set<Part> learning) {
        ModelFiles files = ModelFiles.open(required(directory, "directory"), visionTower);
        return made(files, device, learning, (model, name, shape) -> model.stored(name, shape));
    }

    /**
     * Draws a model at random.
     *
     * @param directory with config.json and what else belongs to a checkpoint but the weights
     * @param seed of the numbers
     * @param device where it learns
     * @return the model; all of its parts learn
     * @throws M3Exception if config.json is missing or broken
     */
    public static TrainableModel random(Path directory, long seed, Device device) {
        ModelFiles files = ModelFiles.withoutWeights(required(directory, "directory"));
        int layers = Math.max(files.vision().layers(), files.config().decoder().layers());
        RandomStart start = new RandomStart(seed, layers);
        return made(
                files,
                device,
                Set.of(Part.values()),
                (model, name, shape) -> start.values(name, shape));
    }

    private interface Source {
        FloatBuffer values(TrainableModel model, String name, Shape shape);
    }

    private static TrainableModel made(
            ModelFiles files, Device device, Set<Part> learning, Source source) {
        TrainableModel model;
        try {
            model = new TrainableModel(files, device, learning);
        } catch (RuntimeException | Error e) {
            files.close();
            throw e;
        }
        try {
            Map<String, Shape> shapes = ParameterShapes.of(files.config(), files.vision());
            shapes.forEach(
                    (name, shape) ->
                            model.add(
                                    name,
                                    shape,
                                    source.values(model, name, shape),
                                    learning.contains(Part.of(name))));
            return model;
        } catch (RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    private FloatBuffer stored(String name, Shape shape) {
        TensorInfo info =
                files.info(name)
                        .orElseThrow(
                                () ->
                                        new M3Exception(
                                                files.config().directory()
                                                        + ": tensor "
                                                        + files.theirs(name)
                                                        + " is missing"));
        if (!info.shape().equals(shape) || !info.type().isFloating()) {
            throw new M3Exception(
                    files.config().directory()
                            + ": tensor "
                            + info.name()
                            + ": expected floating-point numbers of shape "
                            + shape
                            + ", found "
                            + info.type().safetensorsName()
                            + " of "
                            + info.shape());
        }
        return numbers(files.get(name));
    }

    /**
     * @param tensor of a floating-point type
     * @return its numbers in float32
     */
    FloatBuffer numbers(StoredTensor tensor) {
        try (NDManager scope = conversions.newManager()) {
            NDArray array = conversions.load(scope, tensor, FloatType.FLOAT32);
            return FloatBuffer.wrap(conversions.toFloat32(scope, array).toFloatArray());
        }
    }

    /**
     * @return the kernels that it computes with
     */
    TrainingKernels kernels() {
        return kernels;
    }

    /**
     * @return what its config.json says
     */
    public M3Config config() {
        return files.config();
    }

    /**
     * @return sizes of its tower
     */
    public ClipVisionConfig vision() {
        return files.vision();
    }

    /**
     * @return directory that its tower was read from, if that is not the model's own
     */
    public Optional<Path> towerDirectory() {
        return files.towerDirectory();
    }

    /**
     * @return the scales of its grid
     */
    public Ladder ladder() {
        return config().ladder(vision().gridSide());
    }

    /**
     * @return prepares pictures as it wants them
     */
    public ImageProcessor imageProcessor() {
        if (processor == null) {
            processor = files.imageProcessor();
        }
        return processor;
    }

    /**
     * @return all parameters by our names, those that do not learn too; they belong to this model
     */
    public Map<String, NDArray> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    /**
     * @param part a part
     * @return whether it learns
     */
    public boolean learns(Part part) {
        return learning.contains(part);
    }

    /**
     * @param name our name of a parameter
     * @return whether it learns, itself and not by an adapter
     */
    boolean learns(String name) {
        return parameter(name).hasGradient();
    }

    /**
     * @param prefix of our names
     * @return whether a parameter or an adapter under it learns
     */
    boolean learnsWithin(String prefix) {
        return parameters.entrySet().stream()
                .anyMatch(e -> e.getKey().startsWith(prefix) && e.getValue().hasGradient());
    }

    /**
     * @param name our name of a parameter
     * @return what has gathered in it since it was last zeroed, a new handle of the same numbers that
     *     the caller closes; empty if nothing ever reached it
     */
    public Optional<NDArray> gradient(String name) {
        return Gradients.gradient(manager, parameter(name));
    }

    /** Lets gradients gather in all that learns: from zeros, where nothing has gathered yet. */
    void startGradients() {
        parameters.values().stream().filter(NDArray::hasGradient).forEach(kernels::startGradient);
    }

    /** Makes all gradients zero; of what learns there are some from now on. */
    public void zeroGradients() {
        startGradients();
        parameters.values().forEach(Gradients::zeroGradient);
    }

    /**
     * @param name our name
     * @return the parameter
     */
    NDArray parameter(String name) {
        NDArray parameter = parameters.get(name);
        if (parameter == null) {
            throw new IllegalArgumentException("no parameter " + name);
        }
        return parameter;
    }

    /**
     * @return the adapters on its weights
     */
    Adapters adapters() {
        return adapters;
    }

    /**
     * @param name our name of a parameter that there is from now on
     * @param shape the sizes
     * @param values as many as they say
     * @param learns whether it does
     */
    void add(String name, Shape shape, FloatBuffer values, boolean learns) {
        parameters.put(name, kernels.parameter(manager, values, shape, learns));
    }

    /**
     * @param number that is computed with
     * @return it as an array (0-d) that lives as long as this model
     */
    NDArray scalar(double number) {
        FloatBuffer one = FloatBuffer.wrap(new float[] {(float) number});
        return kernels.parameter(manager, one, new Shape(), false);
    }

    /**
     * @param name our name of a parameter that learns no more
     */
    void freeze(String name) {
        // A new array: the old one would keep the gradient that it has, and be stepped along it.
        NDArray before = parameter(name);
        FloatBuffer values = FloatBuffer.wrap(before.toFloatArray());
        add(name, before.getShape(), values, false);
        before.close();
    }

    /**
     * @return an empty array, for biases that there are not
     */
    NDArray nothing() {
        return nothing;
    }

    /**
     * Replaces the numbers of a parameter.
     *
     * @param name our name
     * @param values as many as it has
     */
    public void assign(String name, FloatBuffer values) {
        kernels.assign(parameter(name), values);
    }

    /**
     * @param name our name of a tensor
     * @return its name in a checkpoint that {@link #save} writes
     */
    public String theirs(String name) {
        return files.theirs(name);
    }

    /**
     * Writes the model, adapters merged, as a checkpoint beside which all files of the one it came from lie, at once or
     * not at all. Tensors that took no part are written as they were.
     *
     * @param directory made if it does not exist; must hold no weights, and nothing that describes a model
     * @param type of the numbers, float32 or bfloat16
     * @throws M3Exception if it cannot be written
     */
    public void save(Path directory, ElementType type) {
        try {
            Files.createDirectories(directory);
            files.copyDescription(directory, type);
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be written (" + e + ")", e);
        }
        FloatType wanted = type == ElementType.BFLOAT16 ? FloatType.BFLOAT16 : FloatType.FLOAT32;
        SafetensorsWriter writer = new SafetensorsWriter();
        AtomicReference<NDManager> written = new AtomicReference<>(conversions.newManager());
        try {
            parameters.forEach(
                    (name, array) -> {
                        if (Lora.isAdapter(name)) {
                            return; // written as a part of the weight that it adapts
                        }
                        TensorInfo info = new TensorInfo(theirs(name), type, array.getShape());
                        writer.add(
                                info,
                                () -> {
                                    // What the tensor before took is on the disk.
                                    written.getAndSet(conversions.newManager()).close();
                                    NDManager scope = written.get();
                                    NDArray numbers = adapters.merged(scope, name);
                                    return conversions.store(
                                            conversions.convert(scope, numbers, wanted), info);
                                });
                    });
            List<String> rest =
                    files.names().stream().filter(name -> !parameters.containsKey(name)).toList();
            for (String name : rest) {
                writer.add(files.get(name).named(theirs(name)));
            }
            writer.writeDirectory(directory, LARGEST_SHARD);
        } finally {
            written.get().close();
        }
    }

    @Override
    public void close() {
        kernels.close();
        conversions.close();
        files.close();
    }
}
