package io.m3j.llm;

import io.m3j.core.torch.Precision;
import io.m3j.vision.ClipVisionConfig;
import java.util.List;

/**
 * The arithmetic of a model and the bytes that it reads, by its sizes alone: what no implementation
 * does without. A multiplication and its addition are two operations; norms, activations and softmax
 * are not counted.
 *
 * @param config of the model
 * @param vision sizes of its tower
 */
public record ModelWork(M3Config config, ClipVisionConfig vision) {

    private static final int CHANNELS = 3;

    /**
     * The patches of one tile, and the layers up to the hidden state that is read.
     *
     * @return floating-point operations
     */
    public double towerFlops() {
        double width = vision.hiddenSize();
        double patches = (double) vision.gridSide() * vision.gridSide();
        double tokens = 1 + patches;
        double patch = (double) CHANNELS * vision.patchSize() * vision.patchSize();
        double linear = 4 * width * width + 2 * width * vision.intermediateSize();
        // Scores and their sums: every token with every token.
        double attention = 2 * tokens * width;
        double layers = vision.layersUpTo(config.visionHiddenState());
        return 2 * (patches * width * patch + layers * tokens * (linear + attention));
    }

    /**
     * All visual tokens of one tile from the tower's width to the decoder's.
     *
     * @return floating-point operations
     */
    public double projectorFlops() {
        double patches = (double) vision.gridSide() * vision.gridSide();
        double out = config.decoder().hiddenSize();
        double weights = vision.hiddenSize() * out + (config.projectorLayers() - 1) * out * out;
        return 2 * patches * weights;
    }

    /**
     * A prompt from its embeddings to the logits of its last position. Each position attends to itself
     * and to those before.
     *
     * @param positions of the prompt
     * @return floating-point operations
     */
    public double prefillFlops(int positions) {
        DecoderConfig decoder = config.decoder();
        double queries = (double) decoder.heads() * decoder.headSize();
        double attention = 2 * queries * (positions * (positions + 1.0) / 2);
        return 2 * (positions * layerWeights() + decoder.layers() * attention + headWeights());
    }

    /**
     * The weights of all linear layers of the decoder and of its head: what one step of decoding reads,
     * and a prefill at least once.
     *
     * @param precision of the model; a part whose sizes it does not hold is in the next one up
     * @return bytes
     */
    public double decoderWeightBytes(Precision precision) {
        DecoderConfig decoder = config.decoder();
        Precision layers = precision.fitting(Decoder.linearLayers(decoder));
        Precision head = precision.fitting(List.of(Decoder.headOf(decoder)));
        return layerWeights() * bytesPerWeight(layers) + headWeights() * bytesPerWeight(head);
    }

    /**
     * The keys and values that one step of decoding reads.
     *
     * @param positions before it
     * @param precision of the decoder
     * @return bytes
     */
    public double cacheBytes(int positions, Precision precision) {
        double elements = (double) config.decoder().cacheElementsPerPosition() * positions;
        return elements * precision.activations().bytes();
    }

    /** The share of steps and offsets included; the scales of int8, one for each output, are not. */
    private static double bytesPerWeight(Precision precision) {
        return switch (precision) {
            case FLOAT32 -> 4;
            case BFLOAT16 -> 2;
            case INT8 -> 1;
            case INT4 -> 0.5 + 4.0 / Precision.INT4_GROUP;
        };
    }

    private double layerWeights() {
        DecoderConfig decoder = config.decoder();
        double width = decoder.hiddenSize();
        double queries = (double) decoder.heads() * decoder.headSize();
        double keys = (double) decoder.keyValueHeads() * decoder.headSize();
        double inner = decoder.intermediateSize();
        return decoder.layers() * width * (2 * queries + 2 * keys + 3 * inner);
    }

    private double headWeights() {
        return (double) config.decoder().hiddenSize() * config.decoder().vocabularySize();
    }
}
