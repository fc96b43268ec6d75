package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * A weight [N, K] as whole numbers, its levels, and what brings them back. This is what a quantised
 * checkpoint holds, and what is packed for the kernels when a model is opened.
 *
 * <ul>
 *   <li>int8: levels −127 to 127, int8 [N, K]; one scale a row, float32 [N]: weight = level · scale.
 *   <li>int4: levels 0 to 15, two a byte, that of the even column in the lower half, uint8 [N, K / 2];
 *       for each group of {@value Precision#INT4_GROUP} weights of a row a step and an offset, bfloat16
 *       [N, K / group] each: weight = offset + (level − 8) · step.
 * </ul>
 *
 * @param precision {@link Precision#INT8} or {@link Precision#INT4}
 * @param levels the levels
 * @param scales the scale, or the step and the offset
 */
public record QuantisedWeight(Precision precision, NDArray levels, List<NDArray> scales) {

    /** Copies the list. */
    public QuantisedWeight {
        scales = List.copyOf(scales);
    }
}
