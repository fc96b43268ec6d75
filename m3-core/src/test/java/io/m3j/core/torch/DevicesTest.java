package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import io.m3j.core.M3Exception;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DevicesTest {

    @Test
    void labelsNameDevices() {
        assertThat(Devices.of("cpu")).isEqualTo(Device.cpu());
        assertThat(Devices.label(Device.cpu())).isEqualTo("cpu");
        assertThat(Devices.label(Device.gpu())).isEqualTo("cuda:0");
        assertThat(Devices.label(Device.gpu(3))).isEqualTo("cuda:3");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "CPU", "mps"})
    void otherLabelsAreRefused(String label) {
        assertThatThrownBy(() -> Devices.of(label))
                .isInstanceOf(M3Exception.class)
                .hasMessage("device " + label + ": expected auto, cpu, cuda, or cuda:N");
    }

    @Test
    void theBestDeviceIsOneThatKernelsRunOn() {
        assertThat(Devices.of("auto")).isEqualTo(Devices.best());
        try (Kernels kernels = Kernels.load(Devices.best())) {
            assertThat(kernels.device()).isEqualTo(Devices.best());
        }
    }

    @Test
    void withoutAGpuTheMessageSaysWhatToBring() {
        assumeThat(Devices.best()).isEqualTo(Device.cpu());
        for (String label : new String[] {"cuda", "cuda:1"}) {
            assertThatThrownBy(() -> Devices.of(label))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageStartingWith("device cuda:")
                    .hasMessageContaining("the CPU alone; docs/guides/cuda.md");
        }
        assertThatThrownBy(() -> Kernels.load(Device.gpu()))
                .isInstanceOf(M3Exception.class)
                .hasMessageStartingWith("device cuda:0: expected a GPU");
    }

    @Test
    void aGpuThatIsNotThereIsRefused() {
        assertThatThrownBy(() -> Devices.require(Device.gpu(2), true, 2))
                .isInstanceOf(M3Exception.class)
                .hasMessage("device cuda:2: expected cuda:0 to cuda:1, the only GPUs there are");
        assertThatThrownBy(() -> Devices.require(Device.gpu(1), true, 1))
                .isInstanceOf(M3Exception.class)
                .hasMessage("device cuda:1: expected cuda:0, the only GPU there is");
        assertThatCode(() -> Devices.require(Device.gpu(1), true, 2)).doesNotThrowAnyException();
        // DJL did not find the CUDA runtime: libtorch will say itself.
        assertThatCode(() -> Devices.require(Device.gpu(5), true, 0)).doesNotThrowAnyException();
        assertThat(Devices.refused(Device.gpu(5), new EngineException("a\ninvalid ordinal\n")))
                .hasMessage("device cuda:5: libtorch cannot use it: invalid ordinal");
    }

    @Test
    void aProcessorThatNobodyTellsOfHasNoFeatures() {
        assumeThat(Devices.best()).isEqualTo(Device.cpu());
        assertThat(Processor.of(Device.gpu())).isEqualTo(new Processor(true, Set.of()));
    }

    @Test
    void devicesOfOtherKindsAreRefused() {
        assertThatThrownBy(() -> Kernels.load(Device.of("mps", 0)))
                .isInstanceOf(M3Exception.class)
                .hasMessage("device mps: expected cpu or cuda");
    }
}
