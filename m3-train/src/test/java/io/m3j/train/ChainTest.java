package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a chain computes on its two ways, and what it keeps. */
class ChainTest {

    private static final int LINKS = 4;

    private final TrainingKernels kernels = TrainingKernels.load(Device.cpu());
    private final NDManager scope = kernels.newManager();
    private final List<NDArray> weights = new ArrayList<>();
    private final List<Integer> called = new ArrayList<>();
    private final List<Integer> open = new ArrayList<>();

    @AfterEach
    void close() {
        kernels.close();
    }

    /** x + up · w of each link, where w learns or not; what a link makes on its way belongs to its owner. */
    private List<Chain.Link> links(int firstThatLearns) {
        List<Chain.Link> links = new ArrayList<>();
        NDArray up = kernels.parameter(scope, numbers(1, 2), new Shape(2, 1), false);
        for (int i = 0; i < LINKS; i++) {
            int number = i;
            boolean learns = i >= firstThatLearns;
            NDArray weight = kernels.parameter(scope, numbers(3, 4), new Shape(1, 2), learns);
            weights.add(weight);
            links.add(
                    new Chain.Link(
                            learns,
                            (owner, x) -> {
                                called.add(number);
                                open.add(kernels.managedArrays());
                                NDArray made = kernels.adapted(owner, x, weight, up, 0.5);
                                return kernels.adapted(owner, made, weight, up, 0.5);
                            }));
        }
        return links;
    }

    private static FloatBuffer numbers(float... values) {
        return FloatBuffer.wrap(values);
    }

    private NDArray ones() {
        return kernels.parameter(scope, numbers(1, 1, 1, 1), new Shape(2, 2), false);
    }

    private float[] gradient(NDArray leaf) {
        return Gradients.gradient(scope, leaf).map(NDArray::toFloatArray).orElse(new float[0]);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingIsComputedAgainBeforeWhatLearns(boolean further) {
        NDArray source = kernels.parameter(scope, numbers(1, 1, 1, 1), new Shape(2, 2), true);
        NDArray x = further ? kernels.join(scope, List.of(source)) : ones();
        try (Chain chain = new Chain(kernels, links(2), true)) {
            chain.forward(x);
            assertThat(called).containsExactly(0, 1, 2, 3);
            called.clear();
            chain.backward(ones(), further);
            assertThat(called)
                    .containsExactlyElementsOf(further ? List.of(3, 2, 1, 0) : List.of(3, 2));
        }
        // d(up · w)/dw of all ones is the sum of up, once for each of the two halves
        assertThat(gradient(weights.get(3))).containsExactly(3, 3);
        assertThat(gradient(weights.get(2))).containsExactly(3, 3);
        assertThat(gradient(weights.get(1))).isEmpty();
        assertThat(gradient(source)).isEqualTo(further ? new float[] {1, 1, 1, 1} : new float[0]);
    }

    @Test
    void whereNothingLearnsThereIsNoWayBack() {
        try (Chain chain = new Chain(kernels, links(LINKS), true)) {
            chain.forward(ones());
            called.clear();
            chain.backward(ones(), false);
            assertThat(called).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatALinkMakesOnItsWayIsNotKept(boolean again) {
        NDArray x = ones();
        List<Chain.Link> links = links(0);
        int before = kernels.managedArrays();
        try (Chain chain = new Chain(kernels, links, again)) {
            chain.forward(x);
            assertThat(kernels.managedArrays()).isEqualTo(before + LINKS);
            chain.backward(ones(), false);
        }
        assertThat(gradient(weights.get(0))).containsExactly(3, 3);
    }

    @Test
    void theWayBackKeepsTheGradientOfOneLink() {
        try (Chain chain = new Chain(kernels, links(0), true)) {
            chain.forward(ones());
            open.clear();
            chain.backward(ones(), false);
            assertThat(open).hasSize(LINKS);
            assertThat(open.get(LINKS - 2)).as("%s", open).isEqualTo(open.get(1));
        }
    }
}
