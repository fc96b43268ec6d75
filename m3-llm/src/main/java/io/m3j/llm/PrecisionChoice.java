package io.m3j.llm;

import io.m3j.core.torch.Precision;
import io.m3j.core.torch.Processor;
import io.m3j.core.weights.ElementType;
import java.util.Locale;
import java.util.Optional;

/**
 * What a model computes in, and why.
 *
 * @param precision to compute in
 * @param reason half a sentence, such as {@code asked for}
 */
public record PrecisionChoice(Precision precision, String reason) {

    /** Up to so many weights a model stays in float32: there is little to gain, and it is exact. */
    public static final long SMALL = 500_000_000;

    /**
     * What bears on the choice where the caller makes none.
     *
     * @param quantization of the checkpoint, if it was quantised by us
     * @param stored the type of most of its weights
     * @param weights how many it has
     */
    record Facts(Optional<Quantization> quantization, ElementType stored, long weights) {

        static Facts of(M3Config config, ModelTensors tensors) {
            return new Facts(config.quantization(), tensors.mostStored(), tensors.total(""));
        }
    }

    /** The caller's word, else the default. */
    static PrecisionChoice of(Optional<Precision> asked, Facts facts, Processor processor) {
        return asked.map(precision -> new PrecisionChoice(precision, "asked for"))
                .orElseGet(() -> of(facts, processor));
    }

    private static PrecisionChoice of(Facts facts, Processor processor) {
        Optional<Precision> own = facts.quantization().map(Quantization::precision);
        if (own.isPresent()) {
            return new PrecisionChoice(own.get(), "the checkpoint is quantised so");
        }
        String stored = facts.stored().name().toLowerCase(Locale.ROOT);
        boolean wide =
                facts.stored() == ElementType.FLOAT32 || facts.stored() == ElementType.FLOAT64;
        if (wide) {
            return new PrecisionChoice(Precision.FLOAT32, "the weights are stored in " + stored);
        }
        if (facts.weights() <= SMALL) {
            return new PrecisionChoice(
                    Precision.FLOAT32, "a model of at most 500 million weights stays exact");
        }
        return processor.computesBfloat16()
                ? new PrecisionChoice(
                        Precision.BFLOAT16,
                        "stored in " + stored + ", and this processor computes in bfloat16")
                : new PrecisionChoice(
                        Precision.FLOAT32, "this processor does not compute in bfloat16");
    }
}
