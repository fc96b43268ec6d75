package io.m3j.llm;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.torch.Precision;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How a model is loaded. Without any setting: on a GPU if the engine can use one and else on the CPU,
 * everything else as the checkpoint says.
 *
 * @param precision the type to compute in; empty means chosen by checkpoint and processor: the own
 *     one of a quantised checkpoint; float32 for weights stored so, for small models ({@link
 *     PrecisionChoice#SMALL}) and on processors without bfloat16; else bfloat16
 * @param device where to compute; empty means on a GPU if the engine can use one, else on the CPU
 * @param visionTower directory of the tower, for a checkpoint that only names it
 * @param tokenizer directory of the tokenizer's files, if they are not beside the weights
 * @param template name of the prompt template; empty means chosen from the checkpoint
 * @param imageMode how a picture becomes a square; empty means as the checkpoint says
 * @param pooling how coarser scales come about
 * @param mapped whether weights that need no conversion are used where they lie in the file, shared
 *     with other processes; else they are copied into memory of this process, in huge pages where the
 *     system grants them
 * @param prefixBytes what beginnings of prompts may take that were read before and are kept for prompts
 *     that begin alike, as long as the model is open: the system prompt, and a picture asked again at one
 *     scale; 0 keeps none. For the calls of {@link M3Model} that answer, lists of requests included; a
 *     {@link M3Model#newBatch batch} keeps its own ({@link BatchOptions#prefixBytes}). Reused or read anew, a prompt gives the same numbers up to the order of summation; without any kept, to the
 *     last bit
 * @param progress told how loading goes
 */
public record LoadOptions(
        Optional<Precision> precision,
        Optional<Device> device,
        Optional<Path> visionTower,
        Optional<Path> tokenizer,
        Optional<String> template,
        Optional<ImageMode> imageMode,
        Pooling pooling,
        boolean mapped,
        long prefixBytes,
        LoadProgress progress) {

    /** Checks the numbers. */
    public LoadOptions {
        if (prefixBytes < 0) {
            throw new M3Exception("prefixBytes " + prefixBytes + ": expected at least 0");
        }
    }

    /** How a picture that is not a square becomes one. */
    public enum ImageMode {
        /** A border in the mean colour: LLaVA-1.5's. */
        PAD,
        /** The middle is cut out: CLIP's. */
        CROP
    }

    /** Told after each tensor. */
    @FunctionalInterface
    public interface LoadProgress {
        /**
         * @param done tensors read
         * @param total tensors there are
         */
        void loaded(int done, int total);
    }

    /**
     * @return the defaults
     */
    public static LoadOptions defaults() {
        return builder().build();
    }

    /**
     * @return a builder with the defaults
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Sets what differs from the defaults. */
    public static final class Builder {

        private Optional<Precision> precision = Optional.empty();
        private Optional<Device> device = Optional.empty();
        private Optional<Path> visionTower = Optional.empty();
        private Optional<Path> tokenizer = Optional.empty();
        private Optional<String> template = Optional.empty();
        private Optional<ImageMode> imageMode = Optional.empty();
        private Pooling pooling = Pooling.AVERAGE;
        private boolean mapped = true;
        private long prefixBytes;
        private LoadProgress progress = (done, total) -> {};

        private Builder() {}

        /**
         * @param value the type to compute in
         * @return this
         */
        public Builder precision(Precision value) {
            precision = Optional.of(value);
            return this;
        }

        /**
         * @param value where to compute, such as {@code Devices.of("cuda:1")}
         * @return this
         */
        public Builder device(Device value) {
            device = Optional.of(value);
            return this;
        }

        /**
         * @param value directory of the vision tower
         * @return this
         */
        public Builder visionTower(Path value) {
            visionTower = Optional.of(value);
            return this;
        }

        /**
         * @param value directory of the tokenizer's files
         * @return this
         */
        public Builder tokenizer(Path value) {
            tokenizer = Optional.of(value);
            return this;
        }

        /**
         * @param value name of a prompt template, such as {@code vicuna_v1}
         * @return this
         */
        public Builder template(String value) {
            template = Optional.of(value);
            return this;
        }

        /**
         * @param value how a picture becomes a square
         * @return this
         */
        public Builder imageMode(ImageMode value) {
            imageMode = Optional.of(value);
            return this;
        }

        /**
         * @param value how coarser scales come about
         * @return this
         */
        public Builder pooling(Pooling value) {
            pooling = value;
            return this;
        }

        /**
         * @param value whether weights are used where they lie in the file
         * @return this
         */
        public Builder mapped(boolean value) {
            mapped = value;
            return this;
        }

        /**
         * @param value bytes for beginnings of prompts; 0, the default, keeps none
         * @return this
         */
        public Builder prefixBytes(long value) {
            prefixBytes = value;
            return this;
        }

        /**
         * @param value told how loading goes
         * @return this
         */
        public Builder progress(LoadProgress value) {
            progress = value;
            return this;
        }

        /**
         * @return the options
         */
        public LoadOptions build() {
            return new LoadOptions(
                    precision,
                    device,
                    visionTower,
                    tokenizer,
                    template,
                    imageMode,
                    pooling,
                    mapped,
                    prefixBytes,
                    progress);
        }
    }
}
