/** Readers and writers of checkpoint files; knows nothing of models or of the engine. */
package io.m3j.core.weights;
