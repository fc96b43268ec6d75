package io.m3j.llm;

/** How far logits are from those that they should be. */
final class LogitError {

    private LogitError() {}

    /** Root mean square of the differences over that of the exact ones. */
    static double relative(float[] found, float[] exact) {
        double error = 0;
        double size = 0;
        for (int i = 0; i < exact.length; i++) {
            error += Math.pow(found[i] - exact[i], 2);
            size += Math.pow(exact[i], 2);
        }
        return Math.sqrt(error / size);
    }
}
