package io.m3j.llm;

import io.m3j.core.torch.MatrixShape;
import io.m3j.core.torch.OwnKernels;
import io.m3j.core.torch.Precision;
import io.m3j.vision.ClipVisionConfig;
import io.m3j.vision.ClipVisionTower;
import io.m3j.vision.Projector;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A part of a model whose linear layers take one form, and the precision that it really has.
 *
 * @param layers its linear layers, or those of the first of its layers
 * @param precision of them
 * @param packing whether bfloat16 weights are packed too
 */
record PartPrecision(List<MatrixShape> layers, Precision precision, boolean packing) {

    private static final Pattern LAYER = Pattern.compile("\\.layers\\.\\d+\\.");

    /**
     * @param config of a model
     * @param vision sizes of its tower
     * @param asked the precision of the model
     * @param own kernels that it runs by
     * @return its parts: tower, projector, the decoder's layers, its head
     */
    static List<PartPrecision> of(
            M3Config config, ClipVisionConfig vision, Precision asked, OwnKernels own) {
        DecoderConfig decoder = config.decoder();
        int width = decoder.hiddenSize();
        // Many rows at once, where oneDNN's packed weights are faster too.
        Precision eyes = asked.ofManyRows();
        boolean packing = !own.bfloat16();
        return List.of(
                part(ClipVisionTower.linearLayers(vision), eyes, packing),
                part(
                        Projector.linearLayers(
                                vision.hiddenSize(), width, config.projectorLayers()),
                        eyes,
                        packing),
                part(Decoder.linearLayers(decoder), asked, false),
                part(List.of(Decoder.headOf(decoder)), asked, false));
    }

    private static PartPrecision part(List<MatrixShape> layers, Precision asked, boolean packing) {
        return new PartPrecision(layers, asked.fitting(layers), packing);
    }

    /**
     * @param name our name of a tensor
     * @return the name of the same tensor in the first layer
     */
    static String inFirstLayer(String name) {
        return LAYER.matcher(name).replaceFirst(".layers.0.");
    }
}
