package io.m3j.eval;

/**
 * A wrong answer that came more than others.
 *
 * @param expected the right answer
 * @param given the wrong one
 * @param count how often
 */
public record Confusion(String expected, String given, int count) {}
