package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Ladder;
import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Devices;
import io.m3j.core.torch.Kernels;
import io.m3j.core.weights.Checkpoint;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.tokenizer.StreamingDecoder;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import io.m3j.vision.M3Image;
import io.m3j.vision.NestedVisionEncoder;
import io.m3j.vision.TileLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A vision-language model that looks at a picture through any scale of its ladder: 1, 9, 36, 144 or
 * 576 visual tokens with CLIP's 24×24 grid (M3, arXiv 2405.17430).
 *
 * <pre>{@code
 * try (M3Model model = M3Model.load(Path.of("llava-v1.5-7b-m3"));
 *         EncodedImage image = model.encode(M3Image.of(Path.of("cat.jpg")))) {
 *     GenerationOptions options = GenerationOptions.builder().scale(Scale.of(36)).build();
 *     Answer answer = model.generate(image, "What is on the mat?", options, System.out::print);
 * }
 * }</pre>
 *
 * <p>Owns native memory: the caller closes it, and with it everything that was encoded by it. Safe
 * for use by several threads. After closing, every call that computes, or reads text, is an {@link
 * IllegalStateException}; {@link #config}, {@link #ladder} and the like still answer.
 */
public final class M3Model implements AutoCloseable {

    private final M3Config config;
    private final Kernels kernels;
    private final NDManager manager;
    private final NestedVisionEncoder encoder;
    private final PrecisionChoice precision;
    private final MemoryPlan plan;
    private final Preparation preparation;
    private final Answering answering;
    private final ModelText text;
    private final Lifetime lifetime;

    private M3Model(M3Config config, LoadOptions options, Supplier<Checkpoint> source) {
        this.config = config;
        this.lifetime = new Lifetime("model " + config.directory());
        this.kernels = Kernels.load(options.device().orElseGet(Devices::best));
        this.manager = kernels.newManager();
        ModelAssembly assembly = new ModelAssembly(config, options, kernels, manager);
        try {
            assembly.assemble(source);
        } catch (RuntimeException e) {
            kernels.close();
            throw e;
        }
        this.encoder = assembly.encoder();
        this.precision = assembly.precision();
        this.plan = assembly.plan();
        Decoder decoder = assembly.decoder();
        Fusion fusion =
                new Fusion(
                        kernels, decoder, precision.precision().activations(), config.imageToken());
        this.text = new ModelText(config, options, lifetime);
        this.preparation = new Preparation(config, ladder(), decoder, fusion, text);
        this.answering =
                new Answering(kernels, decoder, fusion, plan, lifetime, options.prefixBytes());
    }

    /**
     * Loads a LLaVA-1.5 or LLaVA-NeXT checkpoint or an M3 fine-tune of one, in the authors' layout or in Hugging
     * Face's, from safetensors or PyTorch files, or what {@link QuantisedCheckpoint} made of one; on a
     * GPU if the engine can use one and else on the CPU, in a precision that fits checkpoint and device.
     *
     * @param directory with config.json and the weights
     * @return the model, to be closed by the caller
     * @throws M3Exception if a file is missing, broken or of an architecture that is not known
     */
    public static M3Model load(Path directory) {
        return load(directory, LoadOptions.defaults());
    }

    /**
     * @param directory with config.json and the weights
     * @param options precision, device, and what the checkpoint does not say
     * @return the model, to be closed by the caller
     * @throws M3Exception if a file is missing, broken or of an architecture that is not known
     */
    public static M3Model load(Path directory, LoadOptions options) {
        required(options, "options");
        M3Config config = M3Config.read(directory);
        return new M3Model(config, options, () -> Checkpoint.open(directory));
    }

    /**
     * A model with random weights: for measuring what a shape costs, without its files.
     *
     * @param shape the sizes
     * @param seed of the weights
     * @param options precision and device
     * @return the model, to be closed by the caller; it has no tokenizer
     */
    public static M3Model random(ModelShape shape, long seed, LoadOptions options) {
        M3Config config = required(shape, "shape").config();
        return new M3Model(
                config, required(options, "options"), () -> new RandomCheckpoint(config, seed));
    }

    /**
     * @return what the checkpoint's files say
     */
    public M3Config config() {
        return config;
    }

    /**
     * @return what it computes in, and why
     */
    public PrecisionChoice precision() {
        return precision;
    }

    /**
     * @return the memory that it takes
     */
    public MemoryPlan memory() {
        return plan;
    }

    /**
     * @return the scales there are
     */
    public Ladder ladder() {
        return encoder.ladder();
    }

    /**
     * @return the encoder, for a look at its steps; use it only while this model is open
     */
    public NestedVisionEncoder encoder() {
        return encoder;
    }

    /**
     * @return a manager for arrays of the encoder's steps; the caller closes it
     */
    public NDManager newManager() {
        return lifetime.during(kernels::newManager);
    }

    /**
     * The tokenizer, read when it is first asked for: logits and ids need none.
     *
     * @return the tokenizer; closed with the model
     * @throws M3Exception if its files are missing or broken
     */
    public M3Tokenizer tokenizer() {
        return text.tokenizer();
    }

    /**
     * @return the prompt template: the caller's choice at loading, or the one the checkpoint was
     *     most likely trained on
     */
    public PromptTemplate template() {
        return text.template();
    }

    /**
     * Runs tower and projector, once for any number of scales and questions.
     *
     * @param image a picture of any size
     * @return its nested tokens, to be closed by the caller
     */
    public EncodedImage encode(M3Image image) {
        required(image, "image");
        return lifetime.during(() -> encoder.encode(image));
    }

    /**
     * Asks one question about one picture, greedily.
     *
     * @param image a picture of any size
     * @param question without template; the picture comes before it unless it has an {@code <image>}
     *     of its own
     * @param scale one of {@link #ladder()}
     * @return the answer
     * @throws M3Exception if the scale is not one of the ladder, or the prompt does not fit
     */
    public Answer ask(M3Image image, String question, Scale scale) {
        required(question, "question");
        ladder().require(scale);
        try (EncodedImage encoded = encode(image)) {
            // The picture is closed right after: nothing of it is kept to be asked again.
            return generate(
                    List.of(encoded),
                    question,
                    GenerationOptions.builder().scale(scale).build(),
                    piece -> {},
                    false);
        }
    }

    /**
     * Asks about one picture.
     *
     * @param image from {@link #encode}
     * @param question without template
     * @param options scale, sampling and limits
     * @param onText told each piece of text as it comes; what it throws ends the answer
     * @return the whole answer
     */
    public Answer generate(
            EncodedImage image,
            String question,
            GenerationOptions options,
            Consumer<String> onText) {
        return generate(List.of(required(image, "image")), question, options, onText);
    }

    /**
     * Asks about any number of pictures, also none.
     *
     * @param images from {@link #encode}; they come before the question, or where it has {@code
     *     <image>}, one for each
     * @param question without template
     * @param options scale, sampling and limits
     * @param onText told each piece of text as it comes; what it throws ends the answer
     * @return the whole answer, or what there is of it when the calling thread is interrupted: it then
     *     ends as {@link io.m3j.llm.generate.FinishReason#CANCELLED}, the interrupt kept
     */
    public Answer generate(
            List<EncodedImage> images,
            String question,
            GenerationOptions options,
            Consumer<String> onText) {
        required(onText, "onText");
        return generate(images, question, options, onText, true);
    }

    private Answer generate(
            List<EncodedImage> images,
            String question,
            GenerationOptions options,
            Consumer<String> onText,
            boolean keptImages) {
        required(question, "question");
        required(options, "options");
        return answering.answer(
                preparation.question(images, question, options), onText, keptImages);
    }

    /**
     * Answers many requests at once, each as if it were asked alone: one pass through the decoder reads
     * rows of all that run, as many as the memory that is free has room for.
     *
     * @param requests of any encoded images, scales, lengths and options
     * @return their answers, in the order of the requests; what there is of them when the calling thread
     *     is interrupted, which then end as {@link io.m3j.llm.generate.FinishReason#CANCELLED}
     * @throws M3Exception if one of them cannot be answered; then none is
     */
    public List<Answer> generate(List<Request> requests) {
        return answering.answer(new BatchRun(this, required(requests, "requests")));
    }

    /**
     * How sure the answers of many requests are: they are answered together, as by {@link
     * #generate(List)}, and the numbers are returned that each of their ids was picked from.
     *
     * @param requests of any encoded images, scales and options; best of few new tokens, since all logits
     *     are kept
     * @return for each request, in their order, logits of each position of its answer, one for each id of
     *     the vocabulary
     * @throws M3Exception if one of them cannot be answered; then none is
     * @throws java.util.concurrent.CancellationException if the calling thread is interrupted
     */
    public List<List<float[]>> answerLogits(List<Request> requests) {
        return answering.answerLogits(new BatchRun(this, required(requests, "requests")));
    }

    /**
     * @param request whose pictures are encoded
     * @return the same, checked and put into ids, for a {@link Batch}; holds no native memory
     * @throws M3Exception if it cannot be answered, whatever else runs
     */
    public PreparedRequest prepare(Request request) {
        return preparation.prepare(required(request, "request"));
    }

    /**
     * Starts an empty batch, for callers that run its steps themselves.
     *
     * @param limits what it takes on at once
     * @return the batch, to be closed by the caller
     * @throws M3Exception if the memory that is free has no room for a pass over so many rows
     */
    public Batch newBatch(BatchOptions limits) {
        return answering.batch(required(limits, "limits"));
    }

    /**
     * Begins a conversation: pictures may be shown at any turn, and what was read of earlier turns is kept.
     *
     * @return the conversation, to be closed by the caller
     */
    public Chat chat() {
        return answering.chat(preparation, Conversation.of());
    }

    /**
     * Begins a conversation with a system text in place of the template's.
     *
     * @param system what stands before all turns
     * @return the conversation, to be closed by the caller
     */
    public Chat chat(String system) {
        return answering.chat(
                preparation, Conversation.of().withSystem(required(system, "system")));
    }

    /**
     * @return what answers, for a look inside
     */
    Answering answering() {
        return answering;
    }

    /**
     * Starts an answer that the caller pulls piece by piece, and may cancel.
     *
     * @param images one for each image slot of the ids
     * @param ids the whole prompt, with −200 (or the checkpoint's image token) for each image
     * @param options scale, sampling and limits
     * @param stopStrings texts that end the answer, beside those of the options
     * @return the answer in the making, to be closed by the caller
     * @throws M3Exception if slots and images differ, an id is not in the vocabulary, or prompt and
     *     answer exceed the context
     */
    public Generation start(
            List<EncodedImage> images,
            long[] ids,
            GenerationOptions options,
            List<String> stopStrings) {
        Optional<StreamingDecoder> toText = Optional.of(tokenizer().streamingDecoder());
        return answering.start(preparation.ids(images, ids, options, stopStrings, toText), true);
    }

    /**
     * Starts an answer of ids alone, without a tokenizer.
     *
     * @param images one for each image slot of the ids
     * @param ids the whole prompt, with −200 (or the checkpoint's image token) for each image
     * @param options scale, sampling and limits; stop strings do nothing here
     * @return the answer in the making, to be closed by the caller
     * @throws M3Exception as the other
     */
    public Generation start(List<EncodedImage> images, long[] ids, GenerationOptions options) {
        return answering.start(preparation.ids(images, ids, options), true);
    }

    /**
     * Generates ids from ids, without a tokenizer.
     *
     * @param images one for each image slot of the ids
     * @param ids the whole prompt, with −200 (or the checkpoint's image token) for each image
     * @param options scale, sampling and limits; stop strings do nothing here
     * @return the new ids, the end-of-sequence id included if it came
     * @throws M3Exception as {@link #start}
     */
    public List<Long> generateIds(
            List<EncodedImage> images, long[] ids, GenerationOptions options) {
        try (Generation generation = start(images, ids, options)) {
            generation.hasNext(); // without text there is nothing to show: it runs to its end
            return generation.ids();
        }
    }

    /**
     * @param image for the one slot of the ids
     * @param ids as {@link #logits(List, long[], Scale)}
     * @param scale one of {@link #ladder()}
     * @return logits of every position
     */
    public NDArray logits(EncodedImage image, long[] ids, Scale scale) {
        return logits(List.of(required(image, "image")), ids, scale);
    }

    /**
     * The logits of a whole prompt, in one pass.
     *
     * @param images one for each image slot of the ids
     * @param ids the prompt, with −200 (or the checkpoint's image token) for each image
     * @param scale one of {@link #ladder()}
     * @return float32 [L, V] on the CPU, L counting every visual token; to be closed by the caller
     * @throws M3Exception as {@link #start}
     */
    public NDArray logits(List<EncodedImage> images, long[] ids, Scale scale) {
        return logits(images, ids, Fusion.same(images, ladder().require(scale)));
    }

    /**
     * The same with scales for each part of the images.
     *
     * @param images one for each image slot of the ids
     * @param ids the prompt, with −200 (or the checkpoint's image token) for each image
     * @param scales of each image
     * @return float32 [L, V] on the CPU, L counting every visual token; to be closed by the caller
     * @throws M3Exception as {@link #start}, or if an image's scales are not those of its tiles
     */
    public NDArray logits(List<EncodedImage> images, long[] ids, List<ImageScales> scales) {
        return answering.logits(manager, images, ids, scales);
    }

    /**
     * How a picture would be cut into tiles, told by its size: nothing is encoded.
     *
     * @param width of the picture, pixels
     * @param height of the picture, pixels
     * @return its tiles; {@link ImageScales} takes it to give each a scale
     */
    public TileLayout layout(int width, int height) {
        return encoder.layout(width, height);
    }

    /**
     * What a picture would cost, told by its size: nothing is encoded.
     *
     * @param width of the picture, pixels
     * @param height of the picture, pixels
     * @param scale of all its parts, one of {@link #ladder()}
     * @return positions of the prompt that it would take
     */
    public int tokenCount(int width, int height, Scale scale) {
        return layout(width, height).tokenCount(ladder().require(scale));
    }

    /**
     * @return where the model computes
     */
    public Device device() {
        return kernels.device();
    }

    /**
     * @return how many arrays hang on this model, its weights included, for tests against leaks
     */
    public int managedArrays() {
        return kernels.managedArrays();
    }

    /** Waits for the calls that run, then frees everything that the model and its images own. */
    @Override
    public void close() {
        if (lifetime.close()) {
            text.close();
            answering.close();
            kernels.close();
        }
    }
}
