package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.torch.Gradients;
import io.m3j.core.torch.TrainingKernels;
import java.util.ArrayList;
import java.util.List;

/**
 * Layers one behind the other, and the way back through them. What lies between the links is kept for
 * the way back, or computed again on it (Chen et al., arXiv 1604.06174): then the memory is that of the
 * links' inputs and of one link. The way back ends where nothing further back learns.
 */
final class Chain implements AutoCloseable {

    /** What a link computes. */
    interface Computation {
        NDArray apply(NDManager owner, NDArray x);
    }

    /**
     * One link.
     *
     * @param learns whether it computes with anything that gradients gather in
     * @param computation what comes in → what goes out
     */
    record Link(boolean learns, Computation computation) {}

    private final TrainingKernels kernels;
    private final List<Link> links;
    private final boolean again;
    private final NDManager manager;
    private final List<NDArray> inputs = new ArrayList<>();
    private NDArray output;

    /**
     * @param kernels that the links compute with
     * @param links one or more
     * @param again whether to compute again on the way back
     */
    Chain(TrainingKernels kernels, List<Link> links, boolean again) {
        this.kernels = kernels;
        this.links = List.copyOf(links);
        this.again = again;
        this.manager = kernels.newManager();
    }

    /**
     * @param x what goes into the first link; stays open until the way back is done
     * @return what comes out of the last; belongs to this chain
     */
    NDArray forward(NDArray x) {
        NDArray y = x;
        for (Link link : links) {
            inputs.add(y);
            NDArray in = y;
            y = again ? kernels.withoutGradients(() -> passed(link, in)) : passed(link, in);
        }
        output = y;
        return y;
    }

    /** What a link makes on its way, such as masks of its adapters, goes with it. */
    private NDArray passed(Link link, NDArray x) {
        try (NDManager scope = kernels.newManager()) {
            NDArray y = link.computation().apply(scope, x);
            y.attach(manager);
            return y;
        }
    }

    /**
     * Adds to the gradients of all leaves that the output was computed from.
     *
     * @param gradient of the output
     * @param further whether what went into the first link was itself computed from leaves
     */
    void backward(NDArray gradient, boolean further) {
        if (!again) {
            Gradients.backward(output, gradient);
            return;
        }
        int end = further ? 0 : firstThatLearns();
        NDArray last = gradient;
        for (int i = links.size() - 1; i >= end; i--) {
            try (NDManager scope = kernels.newManager()) {
                boolean ends = i == end && !further;
                NDArray x = ends ? inputs.get(i) : Gradients.leaf(scope, inputs.get(i));
                Gradients.backward(links.get(i).computation().apply(scope, x), last);
                if (last != gradient) {
                    last.close();
                }
                if (!ends) {
                    last = Gradients.gradient(manager, x).orElseThrow();
                }
            }
        }
        if (further) {
            Gradients.backward(inputs.get(0), last);
        }
    }

    private int firstThatLearns() {
        int first = 0;
        while (first < links.size() && !links.get(first).learns()) {
            first++;
        }
        return first;
    }

    @Override
    public void close() {
        manager.close();
    }
}
