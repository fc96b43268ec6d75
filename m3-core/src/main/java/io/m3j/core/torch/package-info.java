/**
 * The only place that knows the PyTorch engine: the TorchScript program, one typed Java method for
 * each of its kernels, and the start-up of the native library.
 */
package io.m3j.core.torch;
