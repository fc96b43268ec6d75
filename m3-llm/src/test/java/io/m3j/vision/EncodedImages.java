package io.m3j.vision;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.Ladder;
import io.m3j.core.NestedTokens;
import io.m3j.core.Pooling;
import io.m3j.core.torch.Kernels;
import java.time.Duration;

/** Encoded images that no model made; here, since their constructor is not public. */
public final class EncodedImages {

    private EncodedImages() {}

    /**
     * @param kernels owns the tokens
     * @param hiddenSize elements of a token
     * @return an image of zeros on a 24×24 grid
     */
    public static EncodedImage ofHiddenSize(Kernels kernels, int hiddenSize) {
        try (NDManager scope = kernels.newManager()) {
            NestedTokens tokens =
                    new NestedTokens(
                            kernels,
                            scope.zeros(new Shape(1, 576, hiddenSize)),
                            Ladder.ofGrid(24),
                            Pooling.AVERAGE);
            return new EncodedImage(tokens, 336, 336, Duration.ZERO);
        }
    }
}
