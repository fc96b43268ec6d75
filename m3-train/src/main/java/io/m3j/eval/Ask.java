package io.m3j.eval;

import io.m3j.core.Scale;

/**
 * One question at one scale.
 *
 * @param question to be asked
 * @param scale of its picture
 */
public record Ask(Question question, Scale scale) {}
