package io.m3j.llm;

import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.nn.Weights;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.NameMap;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ClipVisionTower;
import io.m3j.vision.ImageProcessor;
import io.m3j.vision.ImageProcessorConfig;
import io.m3j.vision.ImageProcessorConfig.Framing;
import io.m3j.vision.NestedVisionEncoder;
import io.m3j.vision.Projector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the files of a checkpoint into the parts of a model. */
final class ModelAssembly {

    private static final Logger LOGGER = LoggerFactory.getLogger(ModelAssembly.class);
    private static final String PREPROCESSOR = "preprocessor_config.json";

    private final M3Config config;
    private final LoadOptions options;
    private final Kernels kernels;
    private final NDManager manager;
    private final VisionTowerLocator locator;
    private int loaded;
    private int total;

    private NestedVisionEncoder encoder;
    private Decoder decoder;

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
        if (config.family() == M3Config.Family.LLAVA_NEXT) {
            throw new M3Exception(
                    "model "
                            + config.directory()
                            + ": this is a LLaVA-NeXT checkpoint; images at any resolution are not"
                            + " built yet. Expected LLaVA-1.5 or its M3 fine-tune");
        }
        try (Checkpoint checkpoint = source.get()) {
            Map<String, String> names = names(checkpoint);
            boolean towerInside =
                    options.visionTower().isEmpty()
                            && names.keySet().stream().anyMatch(n -> n.startsWith("vision_tower."));
            if (towerInside) {
                total = names.size();
                Weights eyes = ofEyes(checkpoint, names);
                build(ofDecoder(checkpoint, names), eyes, eyes);
                return;
            }
            Path towerDirectory = locator.directory().orElseThrow(locator::missing);
            try (Checkpoint towerCheckpoint = Checkpoint.open(towerDirectory)) {
                Map<String, String> towerNames = names(towerCheckpoint);
                total = names.size() + towerNames.size();
                build(
                        ofDecoder(checkpoint, names),
                        ofEyes(checkpoint, names),
                        ofEyes(towerCheckpoint, towerNames));
            }
        }
    }

    private static Map<String, String> names(Checkpoint checkpoint) {
        NameMap map = NameMap.detect(checkpoint.names());
        if (!map.unknown().isEmpty()) {
            LOGGER.warn("{}: tensors without a use here: {}", checkpoint.path(), map.unknown());
        }
        return map.theirsByOurs();
    }

    /** The decoder's weights are most of a model: those in bfloat16 stay where they lie. */
    private Weights ofDecoder(Checkpoint checkpoint, Map<String, String> names) {
        return weights(checkpoint, names, options.precision(), false);
    }

    /**
     * Tower and projector always read many rows at once, where packed weights are faster, and int4 is
     * slower and worse than int8; they are small enough to be copied.
     */
    private Weights ofEyes(Checkpoint checkpoint, Map<String, String> names) {
        Precision chosen = options.precision();
        return weights(checkpoint, names, chosen == Precision.INT4 ? Precision.INT8 : chosen, true);
    }

    private Weights weights(
            Checkpoint checkpoint,
            Map<String, String> names,
            Precision precision,
            boolean packing) {
        return new Weights(
                kernels,
                manager,
                checkpoint,
                names,
                precision,
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
                        processor(vision),
                        tower,
                        hiddenState,
                        projector,
                        ladder,
                        options.pooling());
        decoder = new Decoder(decoderWeights, manager, config.decoder());
        // Layers of the tower behind the state that is read are not loaded: the bar ends here.
        options.progress().loaded(total, total);
    }

    private ImageProcessor processor(ClipVisionConfig vision) {
        Optional<Path> directory =
                Optional.of(config.directory())
                        .filter(d -> Files.exists(d.resolve(PREPROCESSOR)))
                        .or(locator::directory);
        ImageProcessorConfig settings =
                directory
                        .filter(d -> Files.exists(d.resolve(PREPROCESSOR)))
                        .map(ImageProcessorConfig::read)
                        .orElseGet(
                                () ->
                                        ImageProcessorConfig.clip(vision.imageSize())
                                                .withFraming(Framing.SQUARE));
        if (settings.imageSize() != vision.imageSize()) {
            throw new M3Exception(
                    directory.orElse(config.directory())
                            + ", preprocessor_config.json: expected pictures of "
                            + vision.imageSize()
                            + " pixels, as the vision tower takes them, found "
                            + settings.imageSize());
        }
        return new ImageProcessor(settings.withFraming(framing(settings)));
    }

    /** The caller's word, then that of config.json, then that of preprocessor_config.json. */
    private Framing framing(ImageProcessorConfig settings) {
        if (options.imageMode().isPresent()) {
            return options.imageMode().get() == LoadOptions.ImageMode.PAD
                    ? Framing.PAD
                    : Framing.SQUARE;
        }
        return config.pad() ? Framing.PAD : settings.framing();
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
