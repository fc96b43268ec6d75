package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.TorchRuntime;
import io.m3j.llm.ModelWork;
import java.util.List;
import java.util.Optional;

/**
 * All that {@code bench} found out.
 *
 * @param model which
 * @param precision that it ran in
 * @param device where it ran
 * @param runtime what computed
 * @param limits of the machine, if asked for
 * @param scales of the model, coarsest first
 * @param open milliseconds until the model could be used
 * @param times of the model
 * @param work of the model
 * @param memory of this process
 */
record BenchReport(
        String model,
        Precision precision,
        String device,
        TorchRuntime runtime,
        Optional<MeasuredLimits> limits,
        List<Scale> scales,
        double open,
        ModelBenchmark.Result times,
        ModelWork work,
        Memory memory) {

    /**
     * Memory of this process; what measures the limits is not counted.
     *
     * @param afterOpen before the first pass
     * @param most over all
     * @param heap of the JVM
     */
    record Memory(
            Optional<ProcessMemory> afterOpen, MemoryWatch.Seen most, MemoryWatch.Heap heap) {}

    Scale finest() {
        return scales.get(scales.size() - 1);
    }

    /** If the limits are known. */
    Optional<Roofline> roofline() {
        return limits.map(known -> new Roofline(work, known));
    }

    /** If limits and times are known, and there is more than one scale. */
    Optional<Roofline.Saving> saving() {
        return times.hasTimesToFirstToken() && times.prefill().size() > 1
                ? roofline().map(line -> line.saving(times))
                : Optional.empty();
    }
}
