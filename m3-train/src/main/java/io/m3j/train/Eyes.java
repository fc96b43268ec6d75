package io.m3j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.torch.TrainingKernels;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Tower and projector, and the way back through them: over all tiles of a batch together, or over some at
 * a time. Then nothing but the tokens is kept, and each portion is computed again on its way back, so
 * that the memory is that of one portion, however many tiles the pictures of a batch are cut into.
 */
final class Eyes implements AutoCloseable {

    private final TrainableModel model;
    private final TrainingKernels kernels;
    private final Network network;
    private final Window window;
    private final int atOnce;
    private FloatBuffer pixels = FloatBuffer.allocate(0);
    private int tiles;
    private Chain whole;

    /**
     * @param model that learns
     * @param network its parameters at work
     * @param window that attention stays in
     * @param atOnce tiles that are computed together; 0 for all
     */
    Eyes(TrainableModel model, Network network, Window window, int atOnce) {
        this.model = model;
        this.kernels = model.kernels();
        this.network = network;
        this.window = window;
        this.atOnce = atOnce;
    }

    /**
     * @param owner owns what is read on the way back; stays open until then
     * @param pictures pixels [T, 3, size, size] of each
     * @return the tokens of all their tiles [T, N, D]; valid while this is open
     */
    NDArray forward(NDManager owner, List<float[]> pictures) {
        long side = model.vision().imageSize();
        long patches = (long) model.vision().gridSide() * model.vision().gridSide();
        if (pictures.isEmpty()) {
            return kernels.zeros(
                    owner, new Shape(0, patches, model.config().decoder().hiddenSize()));
        }
        long numbers = pictures.stream().mapToLong(each -> each.length).sum();
        pixels = FloatBuffer.allocate(Math.toIntExact(numbers));
        pictures.forEach(pixels::put);
        tiles = Math.toIntExact(numbers / (3 * side * side));
        if (atOnce == 0 || tiles <= atOnce) {
            whole = chain(0);
            return whole.forward(pixels(owner, 0, tiles));
        }
        return kernels.withoutGradients(
                () -> {
                    try (NDManager scope = kernels.newManager()) {
                        List<NDArray> parts = new ArrayList<>();
                        for (int from = 0; from < tiles; from += atOnce) {
                            try (Chain chain = chain(from);
                                    NDManager input = kernels.newManager()) {
                                NDArray part = chain.forward(pixels(input, from, end(from)));
                                part.attach(scope);
                                parts.add(part);
                            }
                        }
                        return kernels.join(owner, parts);
                    }
                });
    }

    /**
     * Adds to the gradients of tower and projector.
     *
     * @param gradient of the tokens [T, N, D]
     */
    void backward(NDArray gradient) {
        if (whole != null) {
            whole.backward(gradient, false);
            return;
        }
        for (int from = 0; from < tiles; from += atOnce) {
            try (NDManager scope = kernels.newManager();
                    Chain chain = chain(from)) {
                chain.forward(pixels(scope, from, end(from)));
                chain.backward(kernels.some(scope, gradient, from, end(from)), false);
            }
        }
    }

    /** The same one, there and back. */
    private Chain chain(int from) {
        return network.reading("tiles from " + from).eyes(window);
    }

    private int end(int from) {
        return Math.min(tiles, from + atOnce);
    }

    private NDArray pixels(NDManager owner, int from, int to) {
        long side = model.vision().imageSize();
        int size = pixels.capacity() / tiles;
        FloatBuffer part = pixels.slice(from * size, (to - from) * size);
        return kernels.parameter(owner, part, new Shape(to - from, 3, side, side), false);
    }

    @Override
    public void close() {
        if (whole != null) {
            whole.close();
        }
    }
}
