package io.m3j.core.torch;

import ai.djl.Device;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Kernels that no machine without a GPU would load by itself. */
public final class TestKernels {

    private TestKernels() {}

    /**
     * What a GPU runs, on the CPU.
     *
     * @return the kernels, to be closed by the caller
     */
    public static Kernels plain() {
        return Kernels.plain(Device.cpu(), Kernels.plainSource());
    }

    /**
     * What a CPU runs for which {@link NativeKernels} are not made.
     *
     * @return the kernels, to be closed by the caller
     */
    public static Kernels ofLibtorch() {
        System.setProperty(NativeKernels.SWITCH, "false");
        try {
            return Kernels.load(Device.cpu());
        } finally {
            System.clearProperty(NativeKernels.SWITCH);
        }
    }

    /**
     * The same on a device that is not the CPU: libtorch's {@code meta}, whose arrays have type and
     * shape and no numbers. What comes from Java arrives there as it would on a GPU, and an operator
     * that is given arrays of both devices fails.
     *
     * @return the kernels, to be closed by the caller
     */
    public static Kernels onFakeDevice() {
        return Kernels.plain(Device.cpu(), FakeDevice.program(Kernels.plainSource()));
    }

    static String resource(String name) {
        try (InputStream in = TestKernels.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
