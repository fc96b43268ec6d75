package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.Kernels;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Timings;
import io.m3j.llm.generate.Transcript;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Answers that are made together: each step is one pass through the decoder that reads one row of each
 * running answer and some rows of the prompts that joined. Answers join and leave between steps; nothing
 * is padded.
 *
 * <pre>{@code
 * try (Batch batch = model.newBatch(BatchOptions.defaults())) {
 *     List<Batch.Member> members = requests.stream().map(r -> batch.join(model.prepare(r))).toList();
 *     while (batch.size() > 0) {
 *         batch.step();
 *         members.forEach(member -> System.out.print(member.take()));
 *     }
 * }
 * }</pre>
 *
 * <p>{@link M3Model#generate(List)} runs one for a list of requests, and {@link
 * io.m3j.llm.serve.ContinuousBatcher} for requests that come at any time. Owns native memory: the caller
 * closes it. For one thread at a time.
 */
public final class Batch implements AutoCloseable {

    private final Kernels kernels;
    private final Decoder decoder;
    private final Sequences sequences;
    private final Lifetime model;
    private final BatchOptions options;
    private final BatchMemory memory;
    private final PrefixCache prefixes;
    private final boolean ownsPrefixes;
    private final List<Member> members = new ArrayList<>(); // as they joined
    private long cacheBytes;

    /**
     * @param sequences begins the model's requests
     * @param model kept open during each step
     * @param options the limits
     * @param memory what they come to
     * @param shared beginnings of prompts that outlive this; empty means some of its own
     */
    Batch(
            Sequences sequences,
            Lifetime model,
            BatchOptions options,
            BatchMemory memory,
            Optional<PrefixCache> shared) {
        this.kernels = sequences.kernels();
        this.decoder = sequences.decoder();
        this.sequences = sequences;
        this.model = model;
        this.options = options;
        this.memory = memory;
        this.ownsPrefixes = shared.isEmpty();
        this.prefixes = shared.orElseGet(() -> new PrefixCache(decoder, memory.prefixBytes()));
    }

    /** One answer of a batch. For the thread that runs the batch. */
    public static final class Member {

        private final PreparedRequest request;
        private final Sequence sequence;
        private final Transcript transcript;
        private final long joined = System.nanoTime();
        private long firstToken;
        private long lastToken;
        private RuntimeException failure;
        private boolean keepsLogits;
        private final List<float[]> logits = new ArrayList<>();

        private Member(PreparedRequest request, Sequence sequence) {
            this.request = request;
            this.transcript = request.transcript();
            this.sequence = sequence;
        }

        /**
         * @return the text that came since the last call, possibly empty
         */
        public String take() {
            return transcript.take();
        }

        /**
         * @return how many tokens there are so far
         */
        public int tokens() {
            return transcript.size();
        }

        /**
         * @return whether no more will come
         */
        public boolean ended() {
            return failure != null || transcript.finishReason().isPresent();
        }

        /**
         * @return what ended the answer, if it was no good end
         */
        public Optional<RuntimeException> failure() {
            return Optional.ofNullable(failure);
        }

        /**
         * The whole answer, once it has ended. Its timings are what a caller saw pass: prefill from joining
         * to the first token, decode from there to the last, the work for others included.
         *
         * @return the answer
         * @throws IllegalStateException if it has not ended, or failed
         */
        public Answer answer() {
            if (!ended() || failure != null) {
                throw new IllegalStateException("the answer has not ended well", failure);
            }
            Duration prefill =
                    tokens() == 0 ? Duration.ZERO : Duration.ofNanos(firstToken - joined);
            Duration decode = Duration.ofNanos(lastToken - firstToken);
            int further = Math.max(0, tokens() - 1);
            return request.answer(
                    transcript, encode -> new Timings(encode, prefill, decode, further));
        }

        /** Has the logits of each position kept, to be called before the next step. */
        void keepLogits() {
            keepsLogits = true;
        }

        /** One for each id of the vocabulary, at each position so far, if they were to be kept. */
        List<float[]> logits() {
            return List.copyOf(logits);
        }

        private void accept(float[] next) {
            if (keepsLogits) {
                logits.add(next);
            }
            try {
                transcript.accept(next);
            } catch (M3Exception e) {
                failure = e; // numbers of its own: the others go on
            }
            lastToken = System.nanoTime();
            if (tokens() == 1) {
                firstToken = lastToken;
            }
        }
    }

    /**
     * @param request of the same model
     * @return whether it may join now: a place and memory for its KV cache are free
     * @throws M3Exception if it can never join: another model prepared it, or its cache alone passes
     *     the limit
     */
    public boolean admits(PreparedRequest request) {
        requireRoom(request);
        return members.size() < options.maxRunning()
                && request.cacheBytes() <= memory.cacheBytes() - cacheBytes;
    }

    /**
     * Safe for use by several threads.
     *
     * @param request to be answered
     * @throws M3Exception if it can never join, however little runs: another model prepared it, or its
     *     cache alone passes {@link #cacheLimit}
     */
    public void requireRoom(PreparedRequest request) {
        sequences.requireOwn(request);
        memory.requireRoom(request);
    }

    /**
     * Takes in a request; its answer begins with the next step.
     *
     * @param request of the same model, not joined before
     * @return its answer in the making
     * @throws M3Exception if there is no room for it, another model prepared it, or it joined before
     */
    public Member join(PreparedRequest request) {
        return join(request, true);
    }

    /**
     * @param request of the same model, not joined before
     * @param keptImages whether its pictures may be asked again: then what was computed of them is kept
     * @return its answer in the making
     * @throws M3Exception if there is no room for it, another model prepared it, or it joined before
     */
    public Member join(PreparedRequest request, boolean keptImages) {
        if (!admits(request)) {
            throw new M3Exception(
                    "batch: "
                            + members.size()
                            + " of "
                            + options.maxRunning()
                            + " answers run with "
                            + BatchMemory.mebibytes(cacheBytes)
                            + " of "
                            + BatchMemory.mebibytes(memory.cacheBytes())
                            + " of KV cache: no room for one of "
                            + BatchMemory.mebibytes(request.cacheBytes())
                            + "; take some steps first");
        }
        Sequence sequence = sequences.begin(request, prefixes, keptImages);
        Member member = new Member(request, sequence);
        members.add(member);
        cacheBytes += request.cacheBytes();
        return member;
    }

    /**
     * One pass. Answers that end with it leave at once, their memory with them.
     *
     * @throws IllegalStateException if the model was closed; the batch can then only be closed
     */
    public void step() {
        if (!members.isEmpty()) {
            model.during(this::pass);
        }
    }

    private int pass() {
        try (NDManager scope = kernels.newManager()) {
            Pass pass = new Pass(scope);
            members.forEach(pass::add);
            pass.run();
        }
        Iterator<Member> all = members.iterator();
        while (all.hasNext()) {
            Member member = all.next();
            if (member.ended()) {
                all.remove();
                free(member);
            }
        }
        return members.size();
    }

    /** The rows of one step: ids of running answers first, then rows of prompts, as they joined. */
    private final class Pass {

        private final NDManager scope;
        private final List<Member> running = new ArrayList<>();
        private final List<Member> reading = new ArrayList<>();
        private final List<NDArray> promptRows = new ArrayList<>();
        private final List<Decoder.Span> spans = new ArrayList<>();
        private int free = options.promptRows();

        Pass(NDManager scope) {
            this.scope = scope;
        }

        void add(Member member) {
            if (member.ended()) {
                return; // cancelled between steps
            }
            if (!member.sequence.inPrompt()) {
                running.add(member);
                return;
            }
            if (free <= 0) {
                return;
            }
            try {
                member.sequence.prepare();
                int rows = member.sequence.chunk(free, reading.isEmpty());
                if (rows > 0) {
                    memory.requireRoomForPass(options.promptRows() - free + rows, members.size());
                    promptRows.add(member.sequence.promptRows(scope, rows));
                    spans.add(new Decoder.Span(member.sequence.cache(), rows));
                    reading.add(member);
                    free -= rows;
                }
            } catch (RuntimeException e) {
                member.failure = e; // no memory for it, or its picture was closed: the others go on
            }
        }

        void run() {
            if (running.isEmpty() && reading.isEmpty()) {
                return;
            }
            List<Member> both = new ArrayList<>(running);
            both.addAll(reading);
            try {
                float[] logits = logits();
                int width = logits.length / both.size();
                for (int i = 0; i < both.size(); i++) {
                    Member member = both.get(i);
                    member.sequence.rowsRead();
                    if (!member.sequence.inPrompt()) {
                        member.accept(Arrays.copyOfRange(logits, i * width, (i + 1) * width));
                    }
                }
            } catch (RuntimeException e) {
                // What the pass has written is in between: none of these can go on.
                both.stream().filter(m -> !m.ended()).forEach(member -> member.failure = e);
            }
        }

        private float[] logits() {
            List<Decoder.Span> all = new ArrayList<>();
            List<NDArray> parts = new ArrayList<>();
            if (!running.isEmpty()) {
                long[] ids = running.stream().mapToLong(m -> m.transcript.last()).toArray();
                parts.add(decoder.embed(scope, ids)); //                     [answers, D]
                running.forEach(m -> all.add(new Decoder.Span(m.sequence.cache(), 1)));
            }
            all.addAll(spans);
            parts.addAll(promptRows);
            NDArray x = parts.size() == 1 ? parts.get(0) : kernels.concatenate(scope, parts, 0);
            return decoder.forward(scope, x, all, true).toFloatArray(); //   [sequences, V]
        }
    }

    /**
     * Ends an answer before its next token; its memory goes back at once.
     *
     * @param member whose answer then ends as {@link FinishReason#CANCELLED}, unless it had ended before
     */
    public void cancel(Member member) {
        if (members.remove(member)) {
            member.transcript.finish(FinishReason.CANCELLED);
            free(member);
        }
    }

    private void free(Member member) {
        cacheBytes -= member.request.cacheBytes();
        member.sequence.close();
    }

    /**
     * @return answers in the making
     */
    public int size() {
        return members.size();
    }

    /**
     * @return bytes that their KV caches take
     */
    public long cacheBytes() {
        return cacheBytes;
    }

    /**
     * @return bytes that they may take, fixed when the batch began
     */
    public long cacheLimit() {
        return memory.cacheBytes();
    }

    /**
     * @return bytes that kept beginnings of prompts take
     */
    public long prefixBytes() {
        return prefixes.bytes();
    }

    /** Ends every answer and frees everything. */
    @Override
    public void close() {
        List.copyOf(members).forEach(this::cancel);
        if (ownsPrefixes) {
            prefixes.close();
        }
    }
}
