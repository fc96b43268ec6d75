package io.m3j.core.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.weights.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * Linear layers, and the forms that their weights take in each precision.
 *
 * <p>The first argument of each method is the manager that owns the result; the caller closes it.
 */
public final class LinearKernels {

    /** Outputs that ATen packs together in int4, where {@code int4_unpacked} knows how. */
    private static final int INT4_BLOCK = 64;

    /** Rows that packed weights are laid out for: a prefill. Other counts work as well as they can. */
    private static final int PACKED_FOR_ROWS = 640;

    /** Weights that are rounded together: more of them would take more memory, not less time. */
    public static final long ROUNDED_AT_ONCE = 1L << 24;

    private final Kernels kernels;

    /**
     * @param kernels the program; must be open when a method is called
     */
    public LinearKernels(Kernels kernels) {
        this.kernels = kernels;
    }

    /**
     * Brings a weight into the form that a precision computes with on this device.
     *
     * @param owner owns the result
     * @param weight [outputs, inputs] in float32 or bfloat16; kept by the forms that do not pack, so
     *     it must live as long as {@code owner}
     * @param bias [outputs] in the precision's type of activations, or empty
     * @param precision what to compute in
     * @param packing whether a bfloat16 weight is packed too, where that makes it faster
     * @return the layer
     */
    public Linear linear(
            NDManager owner, NDArray weight, NDArray bias, Precision precision, boolean packing) {
        if (precision.quantises()) {
            try (NDManager scope = owner.newSubManager()) {
                return pack(owner, quantise(scope, weight, precision), bias);
            }
        }
        NDArray none =
                kernels.call(owner, "zeros", bias, FloatType.FLOAT32.number(), new long[] {0});
        if (!packs(precision, packing)) {
            return new Linear(formInPlace(precision), weight, bias, none, none);
        }
        if (!isPackedRightly(precision, weight.getShape())) {
            NDArray kept = kernels.concatenate(owner, List.of(weight), 0);
            return new Linear(Linear.Form.PACKED, kept, bias, none, none);
        }
        NDArray packed = kernels.call(owner, "pack", weight, PACKED_FOR_ROWS);
        return new Linear(Linear.Form.PACKED, packed, bias, none, none);
    }

    private Linear.Form formInPlace(Precision precision) {
        if (precision == Precision.BFLOAT16 && kernels.own().bfloat16()) {
            return Linear.Form.BFLOAT16_NATIVE;
        }
        return kernels.onednnBfloat16() ? Linear.Form.BFLOAT16 : Linear.Form.PLAIN;
    }

    /**
     * Rounds a weight to levels.
     *
     * @param owner owns the result
     * @param weight [outputs, inputs] in float32 or bfloat16
     * @param precision {@link Precision#INT8} or {@link Precision#INT4}, which must hold the weight
     * @return the levels and their scales
     */
    public QuantisedWeight quantise(NDManager owner, NDArray weight, Precision precision) {
        long rows = weight.getShape().get(0);
        long together = Math.max(1, ROUNDED_AT_ONCE / weight.getShape().get(1));
        if (rows <= together) {
            return quantised(owner, weight, precision);
        }
        try (NDManager scope = owner.newSubManager()) {
            List<QuantisedWeight> parts = new ArrayList<>();
            for (long row = 0; row < rows; row += together) {
                long[] start = {row};
                long[] length = {Math.min(together, rows - row)};
                parts.add(quantised(scope, kernels.rows(scope, weight, start, length), precision));
            }
            return concatenate(owner, parts);
        }
    }

    private QuantisedWeight quantised(NDManager owner, NDArray weight, Precision precision) {
        if (precision == Precision.INT8) {
            NDArray scales = kernels.call(owner, "int8_scales", weight);
            NDArray levels = kernels.call(owner, "int8_levels", weight, scales);
            return new QuantisedWeight(precision, levels, List.of(scales));
        }
        NDArray both = kernels.call(owner, "int4_scales", weight);
        NDArray steps = kernels.call(owner, "row", both, 0);
        NDArray offsets = kernels.call(owner, "row", both, 1);
        NDArray levels = kernels.call(owner, "int4_levels", weight, steps, offsets);
        return new QuantisedWeight(precision, levels, List.of(steps, offsets));
    }

    /**
     * @param owner owns the result
     * @param parts weights of one precision and one number of inputs
     * @return one weight whose rows are theirs behind one another
     */
    public QuantisedWeight concatenate(NDManager owner, List<QuantisedWeight> parts) {
        QuantisedWeight first = parts.get(0);
        if (parts.size() == 1) {
            return first;
        }
        List<NDArray> scales = new ArrayList<>();
        for (int i = 0; i < first.scales().size(); i++) {
            int index = i;
            scales.add(
                    kernels.concatenate(
                            owner, parts.stream().map(p -> p.scales().get(index)).toList(), 0));
        }
        List<NDArray> levels = parts.stream().map(QuantisedWeight::levels).toList();
        return new QuantisedWeight(
                first.precision(), kernels.concatenate(owner, levels, 0), scales);
    }

    /**
     * Brings levels into the form that their kernel computes with.
     *
     * @param owner owns the result
     * @param weight [outputs, inputs]; not kept
     * @param bias [outputs] in bfloat16, or empty
     * @return the layer
     */
    public Linear pack(NDManager owner, QuantisedWeight weight, NDArray bias) {
        NDArray levels = weight.levels();
        if (kernels.own().quantised()) {
            return packNative(owner, weight, bias);
        }
        if (weight.precision() == Precision.INT8) {
            NDArray packed = kernels.call(owner, "pack_int8", levels, PACKED_FOR_ROWS);
            NDArray scales = kernels.convert(owner, weight.scales().get(0), FloatType.FLOAT32);
            int int32 = Kernels.typeNumber(ElementType.INT32);
            NDArray zeros =
                    kernels.call(owner, "zeros", scales, int32, scales.getShape().getShape());
            boolean narrow = kernels.onednn() && !kernels.onednnBfloat16();
            Linear.Form form = narrow ? Linear.Form.INT8_NARROW : Linear.Form.INT8;
            return new Linear(form, packed, bias, scales, zeros);
        }
        NDArray packed = kernels.call(owner, "pack_int4", levels);
        NDArray scales =
                kernels.call(
                        owner, "pack_int4_scales", weight.scales().get(0), weight.scales().get(1));
        boolean unpacks = kernels.int4Unpacks() && levels.getShape().get(0) % INT4_BLOCK == 0;
        NDArray mark = kernels.zeros(owner, FloatType.FLOAT32, unpacks ? 1 : 0);
        return new Linear(Linear.Form.INT4, packed, bias, scales, mark);
    }

    private Linear packNative(NDManager owner, QuantisedWeight weight, NDArray bias) {
        NDArray levels = weight.levels();
        List<NDArray> scales = weight.scales();
        NDArray none = kernels.zeros(owner, FloatType.FLOAT32, 0);
        if (weight.precision() == Precision.INT8) {
            NDArray packed = kernels.call(owner, "native_pack_int8", levels);
            NDArray scale = kernels.convert(owner, scales.get(0), FloatType.FLOAT32);
            return new Linear(Linear.Form.INT8_NATIVE, packed, bias, scale, none);
        }
        NDArray packed =
                kernels.call(owner, "native_pack_int4", levels, scales.get(0), scales.get(1));
        return new Linear(Linear.Form.INT4_NATIVE, packed, bias, none, none);
    }

    /**
     * @param owner owns the result
     * @param weight levels and scales
     * @param type of the result
     * @return the weight [outputs, inputs] that they stand for
     */
    public NDArray dequantise(NDManager owner, QuantisedWeight weight, FloatType type) {
        List<NDArray> scales = weight.scales();
        return weight.precision() == Precision.INT8
                ? kernels.call(owner, "int8_weight", weight.levels(), scales.get(0), type.number())
                : kernels.call(
                        owner,
                        "int4_weight",
                        weight.levels(),
                        scales.get(0),
                        scales.get(1),
                        type.number());
    }

    /**
     * @param owner owns the result
     * @param x [..., inputs] in the type of the precision's activations
     * @param layer from {@link #linear}
     * @return [..., outputs]
     */
    public NDArray apply(NDManager owner, NDArray x, Linear layer) {
        List<NDArray> operands = Linear.operands(List.of(), List.of(layer));
        return kernels.call(owner, "linear", x, operands, 0, layer.form().ordinal());
    }

    /**
     * On some processors with AVX-512 oneDNN 3.7 computes the last outputs of a packed float32 weight wrongly where they
     * are no multiple of its block of 64, and those of a bfloat16 weight of one input ({@code LinearFormsTest}).
     */
    private static boolean isPackedRightly(Precision precision, Shape weight) {
        return precision == Precision.FLOAT32 ? weight.get(0) % 64 == 0 : weight.get(1) > 1;
    }

    /**
     * @param precision what to compute in
     * @param packing whether a bfloat16 weight is packed too, where that makes it faster
     * @return whether {@link #linear} makes a copy of the weight, rather than keep it where it lies
     */
    public boolean packs(Precision precision, boolean packing) {
        return precision.quantises()
                || (precision == Precision.FLOAT32
                        ? kernels.onednn()
                        : packing && kernels.onednnBfloat16() && !kernels.own().bfloat16());
    }
}
