package io.m3j.core.weights;

import java.nio.ByteBuffer;

/** Copies the elements of a strided view one behind the other. */
final class StridedCopy {

    private StridedCopy() {}

    /**
     * @param from the elements that the view spans
     * @param to receives the elements in row-major order, from 0; as long as they are
     * @param elementBytes 1, 2, 4 or 8
     * @param shape sizes of the dimensions, none of them 0
     * @param strides elements from one index to the next, for each dimension
     */
    static void copy(
            ByteBuffer from, ByteBuffer to, int elementBytes, long[] shape, long[] strides) {
        int rank = shape.length;
        int inner = rank == 0 ? 1 : (int) shape[rank - 1];
        long innerStride = rank == 0 ? 1 : strides[rank - 1];
        long[] index = new long[rank];
        long source = 0;
        int target = 0;
        while (target < to.limit()) {
            row(from, source, innerStride, to, target, elementBytes, inner);
            target += inner * elementBytes;
            // The next row: the odometer of the outer dimensions.
            for (int i = rank - 2; i >= 0; i--) {
                source += strides[i];
                if (++index[i] < shape[i]) {
                    break;
                }
                source -= shape[i] * strides[i];
                index[i] = 0;
            }
        }
    }

    private static void row(
            ByteBuffer from,
            long source,
            long stride,
            ByteBuffer to,
            int target,
            int elementBytes,
            int count) {
        if (stride == 1) {
            to.put(target, from, (int) (source * elementBytes), count * elementBytes);
            return;
        }
        for (int i = 0; i < count; i++) {
            int at = (int) ((source + i * stride) * elementBytes);
            int put = target + i * elementBytes;
            switch (elementBytes) {
                case 1 -> to.put(put, from.get(at));
                case 2 -> to.putShort(put, from.getShort(at));
                case 4 -> to.putInt(put, from.getInt(at));
                default -> to.putLong(put, from.getLong(at));
            }
        }
    }
}
