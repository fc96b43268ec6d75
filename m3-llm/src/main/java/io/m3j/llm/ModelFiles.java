package io.m3j.llm;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.Layout;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ImageProcessor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The files of a model, for those who do more with its weights than run it: train it, for example. A
 * directory whose weights are yet to come may have none.
 *
 * <p>Keeps files open: the caller closes it. Numbers that come from here lie in the mapped files and are
 * to be used before.
 */
public final class ModelFiles implements AutoCloseable {

    private static final String CONFIG = "config.json";

    private final M3Config config;
    private final VisionTowerLocator locator;
    private final Optional<ModelTensors> tensors;

    private ModelFiles(
            M3Config config, VisionTowerLocator locator, Optional<ModelTensors> tensors) {
        this.config = config;
        this.locator = locator;
        this.tensors = tensors;
    }

    /**
     * @param directory of a checkpoint with weights
     * @param visionTower directory of the tower, for a checkpoint that only names it; empty to look where it
     *     says
     * @return its files
     * @throws M3Exception if a file is missing, broken, or of a model that is not known
     */
    public static ModelFiles open(Path directory, Optional<Path> visionTower) {
        M3Config config = M3Config.read(directory);
        VisionTowerLocator locator = new VisionTowerLocator(config, visionTower);
        ModelTensors tensors = ModelTensors.open(() -> Checkpoint.open(directory), locator);
        if (!tensors.hasTower()) {
            tensors.close();
            throw locator.missing();
        }
        return new ModelFiles(config, locator, Optional.of(tensors));
    }

    /**
     * @param directory with config.json; weights in it are not looked at
     * @return its files
     * @throws M3Exception if config.json is missing, broken, or of a model that is not known
     */
    public static ModelFiles withoutWeights(Path directory) {
        M3Config config = M3Config.read(directory);
        return new ModelFiles(
                config, new VisionTowerLocator(config, Optional.empty()), Optional.empty());
    }

    /**
     * @return what config.json says
     */
    public M3Config config() {
        return config;
    }

    /**
     * @return sizes of the vision tower, wherever it lies
     */
    public ClipVisionConfig vision() {
        return locator.config();
    }

    /**
     * @return directory that the vision tower's weights are read from, if they are not read from the
     *     checkpoint itself
     */
    public Optional<Path> towerDirectory() {
        return tensors.filter(files -> !files.towerInside()).flatMap(files -> locator.directory());
    }

    /**
     * @return prepares pictures as the model wants them
     */
    public ImageProcessor imageProcessor() {
        return Preprocessing.of(config, locator, vision(), Optional.empty());
    }

    /**
     * @return our names (see {@code NameMap}) of all tensors that a model takes; none without weights
     */
    public List<String> names() {
        return tensors.map(ModelTensors::names).orElse(List.of());
    }

    /**
     * @param ours our name of a tensor
     * @return what its header says; empty if it is missing
     */
    public Optional<TensorInfo> info(String ours) {
        return tensors.flatMap(files -> files.info(ours));
    }

    /**
     * @param ours our name of a tensor that is there
     * @return the tensor
     */
    public StoredTensor get(String ours) {
        return tensors.orElseThrow().get(ours);
    }

    /**
     * @param ours our name of a tensor
     * @return its name where the checkpoint itself is written anew: its own, and the original layout's
     *     for what it does not hold
     */
    public String theirs(String ours) {
        boolean inside =
                tensors.isPresent() && tensors.get().main().names().layout() != Layout.CLIP;
        Optional<String> theirs =
                inside
                        ? tensors.get().main().names().layout().theirs(ours)
                        : Layout.ORIGINAL.theirs(ours);
        return theirs.orElseThrow(
                () -> new M3Exception(config.directory() + ": no name for tensor " + ours));
    }

    /**
     * Copies what describes the model beside its weights: config.json, with the sizes of a tower that lies
     * elsewhere, the tokenizer's files, how pictures are prepared. What it says of weights becomes true of new
     * ones.
     *
     * @param directory that exists and has none of these files
     * @param type of the new weights
     * @throws IOException if one of them cannot be read or written
     */
    public void copyDescription(Path directory, ElementType type) throws IOException {
        Path source = config.directory();
        QuantisedCheckpoint.copyFiles(source, locator, directory);
        ObjectNode json = QuantisedCheckpoint.configWithTower(source, config, locator);
        json.remove(List.of(ModelInfo.UNTRAINED_KEY, ModelInfo.SEED_KEY));
        json.put("torch_dtype", type == ElementType.BFLOAT16 ? "bfloat16" : "float32");
        Files.writeString(directory.resolve(CONFIG), json.toPrettyString());
    }

    @Override
    public void close() {
        tensors.ifPresent(ModelTensors::close);
    }
}
