package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import io.m3j.core.M3Exception;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a model can compute: the CPU, or a GPU that the loaded libtorch can use through CUDA. */
public final class Devices {

    private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,3}))?");

    private Devices() {}

    /**
     * Starts the engine if it is not running yet.
     *
     * @return the first GPU if the loaded libtorch can use one, else the CPU
     */
    public static Device best() {
        return cuda(TorchProgram.engine()) ? Device.gpu() : Device.cpu();
    }

    /**
     * @param label {@code auto} for {@link #best()}, {@code cpu}, {@code cuda} for the first GPU, or
     *     {@code cuda:1} for the second, and so on
     * @return the device
     * @throws M3Exception if there is none of that name, or the loaded libtorch cannot use it
     */
    public static Device of(String label) {
        switch (label) {
            case "auto":
                return best();
            case "cpu":
                return Device.cpu();
            default:
                Matcher cuda = CUDA.matcher(label);
                if (!cuda.matches()) {
                    throw new M3Exception(
                            "device " + label + ": expected auto, cpu, cuda, or cuda:N");
                }
                String number = cuda.group(1);
                Device device = Device.gpu(number == null ? 0 : Integer.parseInt(number));
                require(device);
                return device;
        }
    }

    /**
     * @param device the CPU or a GPU
     * @return its label, such as {@code cpu} or {@code cuda:0}
     */
    public static String label(Device device) {
        return device.isGpu() ? "cuda:" + device.getDeviceId() : device.getDeviceType();
    }

    /**
     * @param device to compute on
     * @throws M3Exception if the loaded libtorch cannot use it
     */
    static void require(Device device) {
        if (device.isGpu()) {
            Engine engine = TorchProgram.engine();
            require(device, cuda(engine), engine.getGpuCount());
        } else if (!device.equals(Device.cpu())) {
            throw new M3Exception("device " + label(device) + ": expected cpu or cuda");
        }
    }

    /**
     * @param device a GPU
     * @param cuda whether libtorch can use any
     * @param count how many DJL sees: none where it does not find the CUDA runtime, which libtorch may
     *     have brought along under another name
     */
    static void require(Device device, boolean cuda, int count) {
        if (!cuda) {
            throw new M3Exception(
                    "device "
                            + label(device)
                            + ": expected a GPU and a libtorch that is built for CUDA, but the libtorch"
                            + " that was loaded can use the CPU alone; docs/guides/cuda.md says how"
                            + " to bring another, and cpu needs none");
        }
        if (count > 0 && device.getDeviceId() >= count) {
            throw new M3Exception(
                    "device "
                            + label(device)
                            + ": expected cuda:0"
                            + (count == 1 ? "" : " to cuda:" + (count - 1))
                            + ", the only GPU"
                            + (count == 1 ? "" : "s")
                            + " there "
                            + (count == 1 ? "is" : "are"));
        }
    }

    /** What libtorch itself says of a GPU that it was to use. */
    static M3Exception refused(Device device, EngineException reason) {
        return new M3Exception(
                "device "
                        + label(device)
                        + ": libtorch cannot use it: "
                        + reason.getMessage().strip().lines().reduce((a, b) -> b).orElse(""),
                reason);
    }

    private static boolean cuda(Engine engine) {
        return engine.hasCapability(StandardCapabilities.CUDA);
    }
}
