package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.torch.FloatType;
import io.m3j.core.torch.Kernels;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Cosines and sines of rotary position embedding (Su et al., arXiv 2104.09864), in the half-split
 * form of Hugging Face: pair i of a head turns by position · θ^(−2i/E), and row p of the tables holds
 * each angle twice, once for either half of the head.
 *
 * <p>The tables are made once for all positions; {@link RopeScaling.Kind#DYNAMIC} alone makes rows
 * anew when the length passes the trained one, since its frequencies then depend on the length.
 */
public final class RotaryEmbedding {

    /**
     * Numbers of the tables, row by row.
     *
     * @param cosines [rows, E]
     * @param sines [rows, E]
     */
    public record Angles(FloatBuffer cosines, FloatBuffer sines) {}

    /** Rows for the positions of one call, [R, 1, E] each. */
    record Rows(NDArray cosines, NDArray sines) {}

    private final Kernels kernels;
    private final DecoderConfig config;
    private final FloatType type;
    private final NDManager manager;
    private Rows table;
    private int tableLength;

    /**
     * @param kernels to convert types
     * @param manager owns the tables
     * @param config the decoder's sizes
     * @param type of the decoder's activations
     */
    RotaryEmbedding(Kernels kernels, NDManager manager, DecoderConfig config, FloatType type) {
        this.kernels = kernels;
        this.manager = manager;
        this.config = config;
        this.type = type;
    }

    /**
     * @param owner owns the result
     * @param starts position of the first row of each sequence
     * @param lengths rows of each sequence
     * @return the rows of all sequences behind one another
     */
    Rows rows(NDManager owner, long[] starts, long[] lengths) {
        int longest = 0;
        for (int i = 0; i < starts.length; i++) {
            longest = Math.max(longest, Math.toIntExact(starts[i] + lengths[i]));
        }
        if (!stretched(longest)) {
            Rows whole = table(longest);
            return new Rows(
                    kernels.rows(owner, whole.cosines(), starts, lengths),
                    kernels.rows(owner, whole.sines(), starts, lengths));
        }
        List<NDArray> cosines = new ArrayList<>();
        List<NDArray> sines = new ArrayList<>();
        for (int i = 0; i < starts.length; i++) {
            int end = Math.toIntExact(starts[i] + lengths[i]);
            float[] frequencies = inverseFrequencies(config, stretched(end) ? end : 1);
            Rows own = make(owner, (int) starts[i], (int) lengths[i], frequencies);
            cosines.add(own.cosines());
            sines.add(own.sines());
        }
        return new Rows(
                kernels.concatenate(owner, cosines, 0), kernels.concatenate(owner, sines, 0));
    }

    /**
     * @param end behind the last of the positions that are read at once
     * @return whether their angles depend on how many they are
     */
    boolean stretched(int end) {
        return config.ropeScaling().kind() == RopeScaling.Kind.DYNAMIC
                && end > config.ropeScaling().originalPositions();
    }

    /** The table, doubled until it holds the positions asked for. */
    private synchronized Rows table(int end) {
        if (table == null || tableLength < end) {
            tableLength = Math.min(config.maximumPositions(), Math.max(512, 2 * end));
            tableLength = Math.max(tableLength, end);
            // Unstretched, whatever the table's length: longer rows of the dynamic rule never come
            // here.
            table = make(manager, 0, tableLength, inverseFrequencies(config, 1));
        }
        return table;
    }

    private Rows make(NDManager owner, int position, int length, float[] frequencies) {
        int half = frequencies.length;
        Shape shape = new Shape(length, 1, 2L * half);
        Angles angles = angles(position, length, frequencies);
        return new Rows(
                kernels.array(owner, angles.cosines(), shape, type),
                kernels.array(owner, angles.sines(), shape, type));
    }

    private static Angles angles(int position, int length, float[] frequencies) {
        int half = frequencies.length;
        FloatBuffer cosines = FloatBuffer.allocate(length * 2 * half);
        FloatBuffer sines = FloatBuffer.allocate(length * 2 * half);
        for (int row = 0; row < length; row++) {
            for (int i = 0; i < 2 * half; i++) {
                // Rounded to float32 as the reference rounds it, before the cosine is taken.
                float angle = (position + row) * frequencies[i % half];
                cosines.put((float) Math.cos(angle));
                sines.put((float) Math.sin(angle));
            }
        }
        return new Angles(cosines.flip(), sines.flip());
    }

    /**
     * @param config the decoder's sizes
     * @param length how many positions are read at once, from the first on
     * @return the angles of those positions
     */
    public static Angles angles(DecoderConfig config, int length) {
        return angles(0, length, inverseFrequencies(config, length));
    }

    /**
     * @param config the decoder's sizes
     * @param length how many positions there will be, for the dynamic rule
     * @return the E/2 angles by which one position turns each pair
     */
    static float[] inverseFrequencies(DecoderConfig config, int length) {
        int size = config.headSize();
        RopeScaling scaling = config.ropeScaling();
        double theta = config.ropeTheta();
        int trained = scaling.originalPositions();
        if (scaling.kind() == RopeScaling.Kind.DYNAMIC && length > trained) {
            double grown = scaling.factor() * length / trained - (scaling.factor() - 1);
            theta *= Math.pow(grown, size / (size - 2.0));
        }
        float[] frequencies = new float[size / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double frequency = 1 / Math.pow(theta, 2.0 * i / size);
            frequencies[i] =
                    (float)
                            switch (scaling.kind()) {
                                case DEFAULT, DYNAMIC -> frequency;
                                case LINEAR -> frequency / scaling.factor();
                                case LLAMA3 -> llama3(frequency, scaling);
                            };
        }
        return frequencies;
    }

    /** Long waves are stretched by the factor, short ones kept, those between blended linearly. */
    private static double llama3(double frequency, RopeScaling scaling) {
        double waveLength = 2 * Math.PI / frequency;
        double trained = scaling.originalPositions();
        double low = scaling.lowFrequencyFactor();
        double high = scaling.highFrequencyFactor();
        if (waveLength > trained / low) {
            return frequency / scaling.factor();
        }
        if (waveLength < trained / high) {
            return frequency;
        }
        double smooth = (trained / waveLength - low) / (high - low);
        return (1 - smooth) * frequency / scaling.factor() + smooth * frequency;
    }
}
