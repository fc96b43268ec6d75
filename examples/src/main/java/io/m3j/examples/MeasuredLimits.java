package io.m3j.examples;

import ai.djl.Device;
import io.m3j.core.torch.Limits;
import io.m3j.core.torch.Precision;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * The machine's limits around the measuring of a model.
 *
 * @param before while the model was open but had not run; empty if memory was too short for it
 * @param after when the model was closed
 * @param precision of the model
 */
record MeasuredLimits(Optional<Limits> before, Limits after, Precision precision) {

    /** Those that a model of a precision is held against, and the two that everything is. */
    static Limits measure(Device device, Precision precision) {
        Set<Precision> all = EnumSet.of(Precision.FLOAT32, Precision.BFLOAT16, precision);
        all.add(precision.ofManyRows());
        return Limits.measure(device, all);
    }

    /** The mean of both: the model ran between them. */
    Limits both() {
        return before.map(first -> first.mean(after)).orElse(after);
    }

    /**
     * The decoder's matrix product, 10⁹ operations a second. No processor multiplies 4-bit weights as
     * they are: those of int4 may be unpacked to bfloat16 first, so the faster of both is its limit.
     */
    double gemm() {
        double own = both().gemmGflops().get(precision);
        return precision == Precision.INT4
                ? Math.max(own, both().gemmGflops().get(Precision.BFLOAT16))
                : own;
    }

    /** The matrix product of tower and projector, 10⁹ operations a second. */
    double towerGemm() {
        return both().gemmGflops().get(precision.ofManyRows());
    }

    /** Reading, 10⁹ bytes a second. */
    double read() {
        return both().readGigabytes();
    }
}
