package io.m3j.core.torch;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.util.cuda.CudaUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the processor of a device can do, as far as it bears on the precision.
 *
 * @param gpu whether it is a GPU
 * @param features instruction sets as Linux names them, such as {@code avx512_bf16}; of a GPU its
 *     compute capability without a point, such as {@code sm_80}; empty where nobody tells
 */
public record Processor(boolean gpu, Set<String> features) {

    private static final Path CPUINFO = Path.of("/proc/cpuinfo");

    /** x86 with AVX-512 or AMX, and ARM. */
    private static final Set<String> BFLOAT16 = Set.of("avx512_bf16", "amx_bf16", "bf16");

    private static final String CAPABILITY = "sm_";

    /** Ampere: the first that multiplies in bfloat16. */
    private static final int AMPERE = 80;

    /** Copies the set. */
    public Processor {
        features = Set.copyOf(features);
    }

    /**
     * @param device a device of this machine
     * @return its processor
     */
    public static Processor of(Device device) {
        if (device.isGpu()) {
            return new Processor(true, capability(device));
        }
        return new Processor(false, flags(CPUINFO));
    }

    /** None where DJL does not find the CUDA runtime, which libtorch may have under another name. */
    private static Set<String> capability(Device device) {
        try {
            return Set.of(CAPABILITY + CudaUtils.getComputeCapability(device.getDeviceId()));
        } catch (EngineException | IllegalStateException | IllegalArgumentException e) {
            return Set.of();
        }
    }

    /** The flags of the first core; none where there is no such file. */
    static Set<String> flags(Path cpuinfo) {
        if (!Files.isReadable(cpuinfo)) {
            return Set.of();
        }
        try (Stream<String> lines = Files.lines(cpuinfo)) {
            return lines.filter(line -> line.startsWith("flags") || line.startsWith("Features"))
                    .findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip().split("\\s+"))
                    .map(words -> Arrays.stream(words).collect(Collectors.toSet()))
                    .orElse(Collections.emptySet());
        } catch (IOException e) {
            return Set.of(); // a system that says it otherwise
        }
    }

    /**
     * @return whether products in bfloat16 are instructions, and not emulated
     */
    public boolean computesBfloat16() {
        return gpu
                ? features.stream().anyMatch(Processor::isAmpereOrLater)
                : !Collections.disjoint(features, BFLOAT16);
    }

    private static boolean isAmpereOrLater(String feature) {
        String number = feature.startsWith(CAPABILITY) ? feature.substring(3) : "";
        return number.matches("\\d{2,4}") && Integer.parseInt(number) >= AMPERE;
    }
}
