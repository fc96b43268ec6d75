package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Kernels;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.LogitSource;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * From prepared requests to answers: one by one or in batches, each only where there is memory for it.
 *
 * <p>Owns the beginnings of prompts that are kept from call to call: whoever makes it closes it. Safe
 * for use by several threads.
 */
final class Answering implements AutoCloseable {

    private final Kernels kernels;
    private final Decoder decoder;
    private final Fusion fusion;
    private final Sequences sequences;
    private final MemoryPlan plan;
    private final Lifetime model;
    private final PrefixCache prefixes;

    /**
     * @param kernels to compute with
     * @param decoder that reads
     * @param fusion makes embeddings of prompts
     * @param plan of the model's memory
     * @param model kept open while something is computed
     * @param prefixBytes what beginnings of prompts may take that are kept from call to call
     */
    Answering(
            Kernels kernels,
            Decoder decoder,
            Fusion fusion,
            MemoryPlan plan,
            Lifetime model,
            long prefixBytes) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.fusion = fusion;
        this.sequences = new Sequences(kernels, decoder, fusion);
        this.plan = plan;
        this.model = model;
        this.prefixes = new PrefixCache(decoder, prefixBytes);
    }

    /**
     * @param request to be answered
     * @param onText told each piece of text as it comes
     * @param keptImages whether its pictures may be asked again
     * @return the whole answer
     */
    Answer answer(PreparedRequest request, Consumer<String> onText, boolean keptImages) {
        try (Generation generation = start(request, keptImages)) {
            while (generation.hasNext()) {
                onText.accept(generation.next());
            }
            return request.answer(generation.transcript(), generation::timings);
        }
    }

    /**
     * @param request to be answered
     * @param keptImages whether its pictures may be asked again
     * @return the answer in the making, to be closed by the caller
     * @throws M3Exception if there is no memory for it
     */
    Generation start(PreparedRequest request, boolean keptImages) {
        int rows = request.prompt().length();
        requireMemory(rows, rows + request.options().maxNewTokens(), 1);
        Sequence sequence = sequences.begin(request, prefixes, keptImages);
        return new Generation(session(sequence), request.transcript());
    }

    /**
     * One turn of a conversation.
     *
     * @param request the whole conversation up to the answer
     * @param cache of the conversation
     * @param kept what stands between the passes and the answer
     * @return the answer in the making, to be closed by the caller; the cache stays
     * @throws M3Exception if there is no memory for it; then the cache is as it was
     */
    Generation start(
            PreparedRequest request, ConversationCache cache, UnaryOperator<LogitSource> kept) {
        Prompt prompt = request.prompt();
        int newTokens = request.options().maxNewTokens();
        int unread = prompt.length() - cache.known(prompt);
        requireMemory(unread, cache.missing(prompt.length() + newTokens), 1);
        // Images are not kept for other calls: the next turn has them in this cache.
        Sequence sequence = sequences.begin(request, prefixes, false);
        sequence.in(model.during(() -> cache.begin(prompt, newTokens)));
        return new Generation(kept.apply(session(sequence)), request.transcript());
    }

    private DecoderSession session(Sequence sequence) {
        return new DecoderSession(kernels, decoder, model, sequence);
    }

    /**
     * @param preparation puts turns into ids
     * @param beginning the system text and no turn
     * @return a conversation, to be closed by the caller
     */
    Chat chat(Preparation preparation, Conversation beginning) {
        return new Chat(preparation, this, new ConversationCache(decoder), beginning);
    }

    /**
     * @param run the requests
     * @return their answers, in order
     */
    List<Answer> answer(BatchRun run) {
        // What is kept of prompts is the model's, for the calls to come.
        try (Batch batch = batch(BatchOptions.defaults(), this::freeBytes, Optional.of(prefixes))) {
            return run.in(batch);
        }
    }

    /**
     * @param run the requests, of a few new tokens each
     * @return logits of each position of each answer, in order
     */
    List<List<float[]>> answerLogits(BatchRun run) {
        // Looked at once, and many: nothing of their prompts is kept for later calls.
        try (Batch batch = batch(BatchOptions.defaults())) {
            return run.logits(batch);
        }
    }

    /**
     * @param limits what it takes on at once
     * @return an empty batch, to be closed by the caller
     */
    Batch batch(BatchOptions limits) {
        return batch(limits, this::freeBytes, Optional.empty());
    }

    /**
     * @param limits what it takes on at once
     * @param free bytes that the device can give at any time
     * @param shared beginnings of prompts that outlive it; empty means some of its own
     * @return an empty batch, to be closed by the caller
     */
    Batch batch(BatchOptions limits, LongSupplier free, Optional<PrefixCache> shared) {
        BatchMemory memory = BatchMemory.of(plan, free, limits);
        return new Batch(sequences, model, limits, memory, shared);
    }

    /**
     * @param owner owns the result
     * @param images one for each image slot of the ids
     * @param ids the prompt
     * @param scales of each image
     * @return float32 [L, V] on the CPU
     * @throws M3Exception if the prompt is no good one, or there is no memory for it
     */
    NDArray logits(
            NDManager owner, List<EncodedImage> images, long[] ids, List<ImageScales> scales) {
        if (required(scales, "scales").size() != required(images, "images").size()) {
            throw new M3Exception(
                    "scales: expected those of "
                            + images.size()
                            + " images, found those of "
                            + scales.size());
        }
        int length = fusion.length(images, ids, scales, 0);
        requireMemory(length, length, length);
        Supplier<NDArray> pass =
                () -> {
                    try (NDManager scope = kernels.newManager();
                            KvCache cache = decoder.newCache(length)) {
                        NDArray x = fusion.fuse(scope, images, ids, scales); //   [L, D]
                        NDArray all = decoder.forward(scope, x, cache, false); //  [L, V]
                        return kernels.toHost(owner, all);
                    }
                };
        return model.during(pass);
    }

    private void requireMemory(int rows, int positions, int logits) {
        plan.requireRoomFor(freeBytes(), rows, positions, logits);
    }

    private long freeBytes() {
        return AvailableMemory.bytes(kernels.device());
    }

    @Override
    public void close() {
        prefixes.close();
    }
}
