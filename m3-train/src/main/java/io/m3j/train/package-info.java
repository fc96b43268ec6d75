/** Training nested tokens: the loss of every scale, its step, the optimizer and the trainer. */
package io.m3j.train;
