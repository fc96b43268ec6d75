package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.HugePages;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.NativeMemory;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.Processor;
import io.m3j.core.weights.Checkpoint;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ClipVisionTower;
import io.m3j.vision.NestedVisionEncoder;
import io.m3j.vision.Projector;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the files of a checkpoint into the parts of a model. */
final class ModelAssembly {

    private static final Logger LOGGER = LoggerFactory.getLogger(ModelAssembly.class);

    private final M3Config config;
    private final LoadOptions options;
    private final Kernels kernels;
    private final NDManager manager;
    private final VisionTowerLocator locator;
    private int loaded;
    private int total;

    private NestedVisionEncoder encoder;
    private Decoder decoder;
    private PrecisionChoice precision;
    private MemoryPlan plan;

    /**
     * @param config of the checkpoint
     * @param options of the caller
     * @param kernels to compute with
     * @param manager owns all weights
     */
    ModelAssembly(M3Config config, LoadOptions options, Kernels kernels, NDManager manager) {
        this.config = config;
        this.options = options;
        this.kernels = kernels;
        this.manager = manager;
        this.locator = new VisionTowerLocator(config, options.visionTower());
    }

    /**
     * Reads everything.
     *
     * @param source opens the checkpoint
     * @throws M3Exception if a file is missing, broken or at odds with the configuration
     */
    void assemble(Supplier<Checkpoint> source) {
        try (ModelTensors tensors = ModelTensors.open(source, locator)) {
            if (!tensors.hasTower()) {
                throw locator.missing();
            }
            precision =
                    PrecisionChoice.of(
                            options.precision(),
                            PrecisionChoice.Facts.of(config, tensors),
                            Processor.of(kernels.device()));
            LOGGER.info(
                    "{}: {}: {}",
                    config.directory(),
                    precision.precision().label(),
                    precision.reason());
            total = tensors.count();
            Precision chosen = precision.precision();
            plan =
                    MemoryPlan.of(
                            config,
                            locator.config(),
                            tensors,
                            chosen,
                            options.mapped(),
                            kernels.own());
            plan.requireRoomForWeights(
                    AvailableMemory.bytes(kernels.device()), "model " + config.directory());
            Precision eyes = chosen.ofManyRows();
            build(
                    // Most of a model: those in bfloat16 stay where they lie, and as they are,
                    // since oneDNN reads one row faster than from packed ones.
                    weights(tensors.main(), chosen, false),
                    weights(tensors.main(), eyes, true),
                    weights(tensors.tower(), eyes, true));
            if (plan.copied() > 0) {
                NativeMemory.giveBackFreed();
            }
            HugePages.gather(plan.copied());
        }
    }

    private Weights weights(ModelTensors.Source source, Precision chosen, boolean packing) {
        return new Weights(
                kernels,
                manager,
                source.checkpoint(),
                source.names().theirsByOurs(),
                chosen,
                packing,
                options.mapped(),
                () -> options.progress().loaded(++loaded, total));
    }

    private void build(Weights decoderWeights, Weights projectorWeights, Weights towerWeights) {
        ClipVisionConfig vision = locator.config();
        int hiddenState = config.visionHiddenState();
        ClipVisionTower tower = ClipVisionTower.load(towerWeights, vision, hiddenState);
        Projector projector =
                Projector.load(
                        projectorWeights,
                        vision.hiddenSize(),
                        config.decoder().hiddenSize(),
                        config.projectorLayers(),
                        config.projectorBias(),
                        config.projectorActivation());
        Ladder ladder = config.ladder(vision.gridSide());
        encoder =
                new NestedVisionEncoder(
                        kernels,
                        Preprocessing.of(config, locator, vision, options.imageMode()),
                        tower,
                        hiddenState,
                        projector,
                        ladder,
                        options.pooling(),
                        newline(projectorWeights));
        decoder = new Decoder(decoderWeights, manager, config.decoder());
        // Layers of the tower behind the state that is read are not loaded: the bar ends here.
        options.progress().loaded(total, total);
    }

    /** The token behind each line of tiles, [1, D]; a checkpoint that wants none may hold it all the same. */
    private Optional<NDArray> newline(Weights weights) {
        boolean wanted =
                config.anyResolution().filter(any -> any.merge().hasNewlines()).isPresent();
        if (!wanted) {
            return Optional.empty();
        }
        long width = config.decoder().hiddenSize();
        NDArray stored = weights.get("image_newline", width);
        NDArray row = kernels.toFloat32(manager, stored).reshape(1, width);
        return Optional.of(row);
    }

    /**
     * @return what the model computes in
     */
    PrecisionChoice precision() {
        return precision;
    }

    /**
     * @return the memory that the model takes
     */
    MemoryPlan plan() {
        return plan;
    }

    /**
     * @return the encoder
     */
    NestedVisionEncoder encoder() {
        return encoder;
    }

    /**
     * @return the decoder
     */
    Decoder decoder() {
        return decoder;
    }
}
