package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What has gathered in those parameters of a model that learn. */
final class Gathered {

    private Gathered() {}

    static Map<String, float[]> gradients(TrainableModel model) {
        Map<String, float[]> all = new LinkedHashMap<>();
        try (NDManager scope = model.kernels().newManager()) {
            for (String name : model.parameters().keySet()) {
                model.gradient(name)
                        .ifPresent(
                                gradient -> {
                                    gradient.attach(scope);
                                    all.put(name, gradient.toFloatArray());
                                });
            }
        }
        return all;
    }

    /**
     * A loss is that of one scale for each of three examples, whichever these are.
     *
     * @param sums cross-entropy of each example at each scale, summed over its labels
     */
    static void assertOneScaleEach(double loss, List<double[]> sums, int labels) {
        double nearest = Double.MAX_VALUE;
        for (double first : sums.get(0)) {
            for (double second : sums.get(1)) {
                for (double third : sums.get(2)) {
                    double mean = (first + second + third) / labels;
                    nearest = Math.min(nearest, Math.abs(mean - loss));
                }
            }
        }
        assertThat(nearest).isLessThan(1e-5);
    }

    /** Each parameter's gradient, within a share of its own size; noise beside all of them is let be. */
    static void assertClose(
            Map<String, float[]> expected, Map<String, float[]> actual, double tolerance) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        double all = 0;
        for (float[] values : expected.values()) {
            for (float value : values) {
                all += (double) value * value;
            }
        }
        double floor = 1e-2 * Math.sqrt(all / expected.size());
        expected.forEach(
                (name, values) -> {
                    double size = 0;
                    double difference = 0;
                    for (int i = 0; i < values.length; i++) {
                        size += (double) values[i] * values[i];
                        difference += Math.pow(values[i] - actual.get(name)[i], 2);
                    }
                    assertThat(Math.sqrt(difference))
                            .as(name)
                            .isLessThan(tolerance * Math.max(floor, Math.sqrt(size)));
                });
    }
}
