/** The only place that knows the PyTorch engine: the TorchScript program and one typed method per kernel. */
package io.m3j.core.torch;
