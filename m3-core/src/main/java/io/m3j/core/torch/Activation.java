package io.m3j.core.torch;

import io.m3j.core.M3Exception;

/** The activations that checkpoints name. */
public enum Activation {
    /** x · sigmoid(1.702 x), CLIP's. */
    QUICK_GELU("quick_gelu"),
    /** The exact Gaussian error linear unit. */
    GELU("gelu"),
    /** Its approximation by tanh. */
    GELU_TANH("gelu_tanh"),
    /** max(x, 0). */
    RELU("relu"),
    /** x · sigmoid(x), LLaMA's; also called swish. */
    SILU("silu");

    private final String kernelName;

    Activation(String kernelName) {
        this.kernelName = kernelName;
    }

    String kernelName() {
        return kernelName;
    }

    /**
     * @param name the name in a Hugging Face configuration, such as {@code quick_gelu}
     * @return the activation
     * @throws M3Exception if the name is not known
     */
    public static Activation ofHuggingFace(String name) {
        return switch (name) {
            case "quick_gelu" -> QUICK_GELU;
            case "gelu" -> GELU;
            case "gelu_new", "gelu_pytorch_tanh" -> GELU_TANH;
            case "relu" -> RELU;
            case "silu", "swish" -> SILU;
            default ->
                    throw new M3Exception(
                            "activation "
                                    + name
                                    + ": expected one of quick_gelu, gelu, gelu_new,"
                                    + " gelu_pytorch_tanh, relu, silu, swish");
        };
    }
}
