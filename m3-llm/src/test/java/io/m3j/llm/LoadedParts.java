package io.m3j.llm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.core.weights.Checkpoint;
import io.m3j.vision.EncodedImage;
import java.nio.file.Path;

/** The parts of a model without the facade, for tests that look inside. */
final class LoadedParts implements AutoCloseable {

    final Kernels kernels;
    final NDManager manager;
    final M3Config config;
    final ModelAssembly assembly;
    final Fusion fusion;

    /** In float32. */
    LoadedParts(Path directory) {
        this(directory, Kernels.load(Device.cpu()), Precision.FLOAT32);
    }

    /** Closes the kernels with itself. */
    LoadedParts(Path directory, Kernels kernels, Precision precision) {
        this.kernels = kernels;
        manager = kernels.newManager();
        config = M3Config.read(directory);
        LoadOptions options = LoadOptions.builder().precision(precision).build();
        assembly = new ModelAssembly(config, options, kernels, manager);
        assembly.assemble(() -> Checkpoint.open(directory));
        fusion = new Fusion(kernels, decoder(), precision.activations(), config.imageToken());
    }

    Decoder decoder() {
        return assembly.decoder();
    }

    EncodedImage encode(io.m3j.vision.M3Image image) {
        return assembly.encoder().encode(image);
    }

    /** Logits of all positions, read in pieces that end at the given positions. */
    float[] logits(NDArray embeddings, int... ends) {
        int length = (int) embeddings.getShape().get(0);
        int vocabulary = decoder().config().vocabularySize();
        float[] all = new float[length * vocabulary];
        try (KvCache cache = decoder().newCache(length);
                NDManager scope = kernels.newManager()) {
            int start = 0;
            for (int end : ends) {
                NDArray piece =
                        kernels.rows(
                                scope, embeddings, new long[] {start}, new long[] {end - start});
                float[] logits = decoder().forward(scope, piece, cache, false).toFloatArray();
                System.arraycopy(logits, 0, all, start * vocabulary, logits.length);
                start = end;
            }
        }
        return all;
    }

    @Override
    public void close() {
        kernels.close();
    }
}
