package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.llm.ModelWork;
import java.util.List;

/**
 * What the machine's limits would let a model take, in milliseconds and parts of them (Williams,
 * Waterman and Patterson 2009): arithmetic at the rate of the best matrix product, or the reading of
 * the weights, whichever takes longer.
 *
 * @param work of the model
 * @param limits of the machine
 */
record Roofline(ModelWork work, MeasuredLimits limits) {

    /** Nanoseconds of one operation at 10⁹ a second, in milliseconds. */
    private static final double TO_MILLISECONDS = 1e-6;

    /** The scale that is promised to be fast. */
    private static final Scale COARSE = Scale.of(9);

    double tower() {
        return work.towerFlops() / limits.towerGemm() * TO_MILLISECONDS;
    }

    double projector() {
        return work.projectorFlops() / limits.towerGemm() * TO_MILLISECONDS;
    }

    /** By the products alone. */
    double products(Scale scale) {
        double operations = work.prefillFlops(ModelBenchmark.positions(scale));
        return operations / limits.gemm() * TO_MILLISECONDS;
    }

    /** Reading the decoder's weights once. */
    double weights() {
        double bytes = work.decoderWeightBytes(limits.precision());
        return bytes / limits.read() * TO_MILLISECONDS;
    }

    double timeToFirstToken(Scale scale) {
        return tower() + projector() + Math.max(products(scale), weights());
    }

    /**
     * What a coarse scale saves of the time to the first token at the finest one.
     *
     * @param from the finest scale
     * @param to a coarse one
     * @param promised by the limits, as a fraction of the time
     * @param measured likewise
     */
    record Saving(Scale from, Scale to, double promised, double measured) {
        double fractionOfPromise() {
            return measured / promised;
        }
    }

    /** Of 9 tokens, or where the ladder has no such scale, of the fewest. */
    Saving saving(ModelBenchmark.Result times) {
        List<Scale> scales = List.copyOf(times.prefill().keySet());
        Scale from = scales.get(scales.size() - 1);
        Scale to = scales.contains(COARSE) ? COARSE : scales.get(0);
        return new Saving(
                from,
                to,
                1 - timeToFirstToken(to) / timeToFirstToken(from),
                1 - times.timeToFirstToken(to) / times.timeToFirstToken(from));
    }
}
