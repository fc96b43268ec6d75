package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.vision.ClipVisionConfig;

/**
 * The memory that a model takes on a CPU, told before it is opened. All numbers are bytes.
 *
 * @param precision to compute in
 * @param copied weights that are converted or packed, and lie in memory of the process
 * @param mapped weights that are used where they lie in the file: memory that the system shares
 *     between processes, and takes back when it needs it
 * @param loading what the conversion of a layer takes beside {@link #copied} at most
 * @param work what passes take beside the weights
 */
public record MemoryPlan(
        Precision precision, long copied, long mapped, long loading, WorkingMemory work) {

    /**
     * What Java and libtorch take beside the weights: code, heap, threads, and freed memory that is
     * kept for the next pass. Measured on Linux, with and without the environment of {@code
     * examples/bin/m3}; MemoryPlanMeasurement of the tests measures it again.
     */
    public static final long ENGINE = 400L << 20;

    /** Text of a prompt that is reckoned with, beside its picture: positions. */
    public static final int TEXT_POSITIONS = 64;

    /**
     * @param config of a model
     * @param vision sizes of its tower
     * @param tensors of its files
     * @param precision to compute in
     * @param mapping whether tensors that need no conversion stay where they lie
     * @param own kernels that it runs by
     * @return what it takes
     */
    static MemoryPlan of(
            M3Config config,
            ClipVisionConfig vision,
            ModelTensors tensors,
            Precision precision,
            boolean mapping,
            OwnKernels own) {
        WeightMemory weights = new WeightMemory(tensors, config, vision, precision, mapping, own);
        int tiles = config.anyResolution().map(a -> a.tilesAtMost(vision.imageSize())).orElse(1);
        WorkingMemory work = new WorkingMemory(config.decoder(), vision, precision, tiles, own);
        return new MemoryPlan(
                precision, weights.copied(), weights.mapped(), weights.loading(), work);
    }

    /**
     * @return all weights, wherever they lie
     */
    public long weights() {
        return copied + mapped;
    }

    /**
     * @param positions of a prompt and its answer
     * @return bytes of their keys and values
     */
    public long cache(int positions) {
        return work.cache(positions);
    }

    /**
     * @return bytes that encoding one picture takes while it runs
     */
    public long encode() {
        return work.encode();
    }

    /**
     * @param rows positions of a prompt
     * @return bytes that reading it takes while it runs, beside its cache
     */
    public long prefill(int rows) {
        return work.prefill(rows);
    }

    /**
     * @param rows positions of each prompt
     * @param positions of each prompt and its answer
     * @param batch how many requests run at once
     * @return the most that is resident at any time, from opening the model to the answers; pages of a
     *     file that was read for conversion are not counted, since the system takes them back
     */
    public long peak(int rows, int positions, int batch) {
        long running = Math.max(encode(), batch * cache(positions) + prefill(rows));
        return ENGINE + weights() + Math.max(loading, running);
    }

    /**
     * Refuses a request before anything of it is allocated.
     *
     * @param available bytes that the system can give
     * @param rows positions of its prompt
     * @param positions of prompt and answer
     * @param logits positions whose logits are wanted
     * @throws M3Exception if cache and working memory need more
     */
    void requireRoomFor(long available, int rows, int positions, int logits) {
        long needed = cache(positions) + prefill(rows) + work.logits(logits);
        if (needed > available) {
            throw new M3Exception(
                    "memory: a prompt of "
                            + rows
                            + " positions takes "
                            + (needed >> 20)
                            + " MiB ("
                            + (cache(positions) >> 20)
                            + " MiB of them keys and values of prompt and answer, "
                            + positions
                            + " positions); "
                            + (available >> 20)
                            + " MiB are free. Ask for fewer new tokens or a coarser scale");
        }
    }

    /**
     * @param available bytes that the system can give
     * @param model for the message
     * @throws M3Exception if the weights need more
     */
    void requireRoomForWeights(long available, String model) {
        long needed = copied + loading;
        if (needed > available) {
            throw new M3Exception(
                    model
                            + ": its weights take "
                            + (copied >> 20)
                            + " MiB in "
                            + precision.label()
                            + ", and "
                            + (loading >> 20)
                            + " MiB more while they are converted; "
                            + (available >> 20)
                            + " MiB are free. Free some, or choose another precision (m3 info says"
                            + " what each takes)");
        }
    }
}
