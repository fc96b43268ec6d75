package io.m3j.core.torch;

import ai.djl.Device;

/**
 * What runs by kernels of our own (decision 20) rather than by libtorch's operators; it decides which
 * weights are copied when a model is opened, and what passes take.
 *
 * @param quantised whether layers in 8 and 4 bits do
 * @param bfloat16 whether those in bfloat16 do, whose weights then stay where they lie
 */
public record OwnKernels(boolean quantised, boolean bfloat16) {

    /** Nothing. */
    public static final OwnKernels NONE = new OwnKernels(false, false);

    /**
     * @return what this machine's CPU has what is needed for and nobody switched off: what will be, as
     *     far as can be told before the engine is started. {@link Kernels#own} tells what is
     */
    public static OwnKernels expected() {
        return NativeKernels.isWanted() ? of(Processor.of(Device.cpu())) : NONE;
    }

    /**
     * @param processor for which they are there
     * @return what they are taken for
     */
    static OwnKernels of(Processor processor) {
        boolean supported = NativeKernels.isSupported(processor);
        return new OwnKernels(supported, supported && NativeKernels.takesBfloat16(processor));
    }
}
