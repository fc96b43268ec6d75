package io.m3j.vision;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.NestedTokens;
import io.m3j.core.Scale;
import io.m3j.core.torch.Kernels;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Puts the tokens of a picture's tiles behind one another: base first, then the map of the tiles,
 * without bars and with newlines where the checkpoint was trained with them ({@code
 * prepare_inputs_labels_for_multimodal} in llava/model/llava_arch.py). Tiles are pooled before, so that bars are
 * cut from the pooled map.
 *
 * @param kernels that made the tokens
 * @param newline [1, D], put behind each line; empty if the layout has no lines
 */
record TileStitcher(Kernels kernels, Optional<NDArray> newline) {

    /**
     * @param owner owns the result
     * @param tokens of all tiles
     * @param layout of the picture
     * @param scales of base and tiles
     * @return float32 [L, D]
     */
    NDArray stitch(NDManager owner, NestedTokens tokens, TileLayout layout, ImageScales scales) {
        try (NDManager scope = owner.newSubManager()) {
            TokenOrder order = TokenOrder.of(layout, scales);
            NDArray table = table(scope, tokens, order.scales());
            if (order.resized().isPresent()) {
                TokenOrder.Resized resized = order.resized().get();
                Resolution from = resized.from();
                Resolution to = resized.to();
                NDArray map = kernels.gather(scope, table, resized.rows());
                NDArray other =
                        kernels.resample(
                                scope, map, from.height(), from.width(), to.height(), to.width());
                table = kernels.concatenate(scope, List.of(table, other), 0);
            }
            return kernels.gather(owner, table, order.rows());
        }
    }

    /** All tokens at each of the scales, the newline last: [R, D]. */
    private NDArray table(NDManager scope, NestedTokens tokens, List<Scale> scales) {
        List<NDArray> parts = new ArrayList<>();
        for (Scale scale : scales) {
            parts.add(rows(scope, tokens, scale, (long) tokens.tiles() * scale.tokens()));
        }
        newline.ifPresent(parts::add);
        return parts.size() == 1 ? parts.get(0) : kernels.concatenate(scope, parts, 0);
    }

    /** The first rows of [T, s, D] as [T · s, D]: a view. */
    private NDArray rows(NDManager scope, NestedTokens tokens, Scale scale, long count) {
        NDArray all = tokens.at(scale);
        NDArray flat = all.reshape(-1, all.getShape().get(2));
        flat.attach(scope);
        return kernels.rows(scope, flat, new long[] {0}, new long[] {count});
    }
}
