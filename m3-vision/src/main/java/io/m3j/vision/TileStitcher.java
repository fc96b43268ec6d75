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
            Optional<Resolution> shrunk = layout.shrunk(scales);
            if (shrunk.isPresent()) {
                return shrunk(owner, scope, tokens, layout, scales, shrunk.get());
            }
            TokenOrder order = TokenOrder.of(layout, scales);
            return kernels.gather(owner, table(scope, tokens, order.scales()), order.rows());
        }
    }

    private NDArray shrunk(
            NDManager owner,
            NDManager scope,
            NestedTokens tokens,
            TileLayout layout,
            ImageScales scales,
            Resolution size) {
        TokenOrder order = TokenOrder.ofMap(layout, scales);
        NDArray map = kernels.gather(scope, table(scope, tokens, order.scales()), order.rows());
        TileLayout.Kept kept = layout.kept(scales.ofAllTiles().orElseThrow());
        NDArray smaller =
                kernels.resample(
                        scope, map, kept.height(), kept.width(), size.height(), size.width());
        int count = scales.base().tokens();
        NDArray base = rows(scope, tokens, scales.base(), count);
        List<NDArray> parts = List.of(base, smaller, newline.orElseThrow());
        NDArray table = kernels.concatenate(scope, parts, 0);
        return kernels.gather(owner, table, TokenOrder.withNewlines(count, size));
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
