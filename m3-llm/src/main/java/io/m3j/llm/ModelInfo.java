package io.m3j.llm;

import ai.djl.Device;
import io.m3j.core.ConfigJson;
import io.m3j.core.Scale;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.Processor;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.Layout;
import io.m3j.llm.tokenizer.TokenizerSettings;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.TileLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a checkpoint is and what it would cost, told from its configuration and the headers of its
 * weights: no weight is read and no engine is started.
 *
 * @param config of the checkpoint
 * @param layout how its tensors are named
 * @param parameters how many weights there are
 * @param storedTypes how many weights lie on disk in each element type; tables that the code
 *     computes itself are not counted
 * @param tower where the vision tower is
 * @param scales what each scale costs, coarsest first; empty if the tower's sizes are not known
 * @param plans the memory that it would take, by the precision computed in; empty if the tower's sizes
 *     are not known. A quantised checkpoint has none for the other quantised precision
 * @param choice what it would be computed in on this machine's CPU if nobody asked for another; a GPU
 *     may choose otherwise
 * @param template name of the prompt template that would be chosen
 * @param tokenizer the tokenizer's file, {@code tokenizer.model} or {@code tokenizer.json}, if any
 * @param untrained whether the weights are random and the answers mean nothing: {@code m3j_untrained}
 *     of config.json
 */
public record ModelInfo(
        M3Config config,
        Layout layout,
        Parameters parameters,
        Map<ElementType, Long> storedTypes,
        Tower tower,
        List<ScaleCost> scales,
        Map<Precision, MemoryPlan> plans,
        PrecisionChoice choice,
        String template,
        Optional<String> tokenizer,
        boolean untrained) {

    /** The key of config.json that says that a checkpoint's weights were never trained. */
    public static final String UNTRAINED_KEY = "m3j_untrained";

    /** The key of config.json that holds the seed of such weights. */
    public static final String SEED_KEY = "m3j_seed";

    private static final List<String> TOKENIZER_FILES =
            List.of("tokenizer.model", "tokenizer.json");

    /** Copies the collections. */
    public ModelInfo {
        storedTypes = Map.copyOf(storedTypes);
        scales = List.copyOf(scales);
        plans = Collections.unmodifiableMap(new LinkedHashMap<>(plans));
    }

    /**
     * How many weights there are.
     *
     * @param tower of the vision tower; empty if the tower was not found
     * @param projector of the projector, and of the vector that ends a row of LLaVA-NeXT's tiles
     * @param decoder of the decoder, embeddings and head included
     */
    public record Parameters(Optional<Long> tower, long projector, long decoder) {
        /**
         * @return all that were found
         */
        public long total() {
            return tower.orElse(0L) + projector + decoder;
        }
    }

    /**
     * Where the vision tower is.
     *
     * @param inside whether the checkpoint holds it
     * @param directory where it was found otherwise; empty if it was not
     * @param named what the checkpoint calls it, if it does
     * @param config its sizes, if they are known
     */
    public record Tower(
            boolean inside,
            Optional<Path> directory,
            Optional<String> named,
            Optional<ClipVisionConfig> config) {}

    /**
     * What a picture costs at one scale.
     *
     * @param scale of all its parts
     * @param visualTokens positions of the prompt that it takes; at any resolution those of the picture
     *     that fills the largest canvas ({@link ModelInfo#layout} knows those of another)
     * @param cacheBytes bytes that their keys and values take, by the precision computed in
     */
    public record ScaleCost(Scale scale, int visualTokens, Map<Precision, Long> cacheBytes) {
        /** Copies the map. */
        public ScaleCost {
            cacheBytes = Map.copyOf(cacheBytes);
        }
    }

    /**
     * @param directory of a checkpoint, with config.json and the weights
     * @return what its files say
     * @throws io.m3j.core.M3Exception if a file is missing or broken, or the architecture not known
     */
    public static ModelInfo read(Path directory) {
        M3Config config = M3Config.read(directory);
        VisionTowerLocator locator = new VisionTowerLocator(config, Optional.empty());
        try (ModelTensors tensors = ModelTensors.open(() -> Checkpoint.open(directory), locator)) {
            return read(config, locator, tensors);
        }
    }

    /**
     * @param shape a known shape
     * @return what a model of it with random weights would be and cost; nothing is made
     */
    public static ModelInfo random(ModelShape shape) {
        M3Config config = shape.config();
        VisionTowerLocator locator = new VisionTowerLocator(config, Optional.empty());
        try (ModelTensors tensors =
                ModelTensors.open(() -> new RandomCheckpoint(config, 0), locator)) {
            return read(config, locator, tensors);
        }
    }

    private static ModelInfo read(
            M3Config config, VisionTowerLocator locator, ModelTensors tensors) {
        Path directory = config.directory();
        boolean inside = tensors.towerInside();
        Optional<Path> beside = inside ? Optional.empty() : locator.directory();
        Optional<Long> tower =
                Optional.of(tensors.total(ModelTensors.TOWER)).filter(count -> count > 0);
        long decoder = tensors.total("decoder.");
        long projector = tensors.total("") - tower.orElse(0L) - decoder;
        Optional<ClipVisionConfig> vision = locator.knownConfig();
        TokenizerSettings settings = TokenizerSettings.read(directory);
        return new ModelInfo(
                config,
                tensors.main().names().layout(),
                new Parameters(tower, projector, decoder),
                tensors.weights(""),
                new Tower(inside, beside, config.visionTower(), vision),
                vision.map(v -> costs(config, v)).orElse(List.of()),
                vision.map(v -> plans(config, v, tensors)).orElse(Map.of()),
                PrecisionChoice.of(
                        Optional.empty(),
                        PrecisionChoice.Facts.of(config, tensors),
                        Processor.of(Device.cpu())),
                PromptTemplate.choose(config.facts().withChatTemplate(settings.chatTemplate()))
                        .name(),
                TOKENIZER_FILES.stream()
                        .filter(file -> Files.isRegularFile(directory.resolve(file)))
                        .findFirst(),
                ConfigJson.readIfPresent(directory.resolve("config.json"))
                        .flag(UNTRAINED_KEY, false));
    }

    private static Map<Precision, MemoryPlan> plans(
            M3Config config, ClipVisionConfig vision, ModelTensors tensors) {
        Map<Precision, MemoryPlan> plans = new EnumMap<>(Precision.class);
        OwnKernels own = OwnKernels.expected();
        for (Precision precision : Precision.values()) {
            Optional<Precision> stored = config.quantization().map(Quantization::precision);
            if (!precision.quantises() || stored.isEmpty() || stored.get() == precision) {
                plans.put(precision, MemoryPlan.of(config, vision, tensors, precision, true, own));
            }
        }
        return plans;
    }

    private static List<ScaleCost> costs(M3Config config, ClipVisionConfig vision) {
        List<ScaleCost> costs = new ArrayList<>();
        for (Scale scale : config.ladder(vision.gridSide()).scales()) {
            int tokens = mostTokens(config, vision.imageSize(), scale);
            long elements = config.decoder().cacheElementsPerPosition() * tokens;
            Map<Precision, Long> bytes = new EnumMap<>(Precision.class);
            Arrays.stream(Precision.values())
                    .forEach(p -> bytes.put(p, elements * p.activations().bytes()));
            costs.add(new ScaleCost(scale, tokens, bytes));
        }
        return costs;
    }

    private static int mostTokens(M3Config config, int tileSize, Scale scale) {
        return config.anyResolution().map(AnyResolution::pinpoints).orElse(List.of()).stream()
                .map(canvas -> layout(config, canvas.width(), canvas.height(), tileSize))
                .mapToInt(layout -> layout.tokenCount(scale))
                .max()
                .orElse(scale.tokens());
    }

    /**
     * How a picture would be cut into tiles; {@link TileLayout#tokenCount(Scale)} says what it would cost.
     *
     * @param width of the picture, pixels
     * @param height of the picture, pixels
     * @return its tiles; empty if the tower's sizes are not known
     */
    public Optional<TileLayout> layout(int width, int height) {
        return tower.config().map(vision -> layout(config, width, height, vision.imageSize()));
    }

    private static TileLayout layout(M3Config config, int width, int height, int tileSize) {
        return config.anyResolution()
                .map(any -> any.layout(width, height, tileSize))
                .orElseGet(() -> TileLayout.whole(width, height, tileSize));
    }

    /**
     * @return ids that end an answer
     */
    public Set<Long> endOfSequence() {
        return config.endOfSequence();
    }
}
