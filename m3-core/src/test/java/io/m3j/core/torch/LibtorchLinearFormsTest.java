package io.m3j.core.torch;

/** The same with libtorch's operators in 8 and 4 bits, as on processors that ours are not made for. */
class LibtorchLinearFormsTest extends LinearFormsTest {

    @Override
    Kernels program() {
        return TestKernels.ofLibtorch();
    }
}
