package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/**
 * What changes parameters and gradients in place: one typed Java method for each kernel of {@code
 * training.torchscript} that the optimizer calls. For one thread at a time.
 */
public final class OptimizerKernels {

    /** What one call of {@link #adamw} does to a group of parameters. */
    public record AdamWNumbers(
            double rate, double decay, double beta1, double beta2, double epsilon) {}

    private final TorchProgram program;

    OptimizerKernels(TorchProgram program) {
        this.program = program;
    }

    /**
     * @param gradients one or more
     * @return the norm of all of them as one vector
     */
    public double totalNorm(List<NDArray> gradients) {
        try (NDManager scope = program.manager().newSubManager()) {
            return program.call(scope, "total_norm", gradients).getDouble();
        }
    }

    /**
     * @param arrays one or more, changed in place
     * @param factor that each of their numbers is multiplied by
     */
    public void scaleAll(List<NDArray> arrays, double factor) {
        program.call(program.manager(), "scale_all", arrays, factor).close();
    }

    /**
     * One step of AdamW, in place.
     *
     * @param parameters one or more
     * @param gradients of each
     * @param means the first moment of each
     * @param squares the second moment of each
     * @param numbers of the group
     * @param step counted from 1
     */
    public void adamw(
            List<NDArray> parameters,
            List<NDArray> gradients,
            List<NDArray> means,
            List<NDArray> squares,
            AdamWNumbers numbers,
            long step) {
        double first = 1 - Math.pow(numbers.beta1(), step);
        double second = Math.sqrt(1 - Math.pow(numbers.beta2(), step));
        program.call(
                        program.manager(),
                        "adamw",
                        parameters,
                        gradients,
                        means,
                        squares,
                        numbers.rate(),
                        numbers.decay(),
                        numbers.beta1(),
                        numbers.beta2(),
                        numbers.epsilon(),
                        first,
                        second)
                .close();
    }
}
