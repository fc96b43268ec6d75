package io.m3j.core.torch;

/**
 * The sizes of a linear layer's weight.
 *
 * @param name our name of the layer, without {@code .weight} and {@code .bias}
 * @param outputs rows, N
 * @param inputs columns, K
 */
public record MatrixShape(String name, long outputs, long inputs) {}
