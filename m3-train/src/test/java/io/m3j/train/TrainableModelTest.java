package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What a model has before it learns, and what is left of one that cannot be opened. */
class TrainableModelTest {

    @TempDir private Path directory;

    @Test
    void gradientsAreThereFromTheFirstZeroingOn() {
        try (TrainableModel model =
                TrainableModel.open(
                        Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(Part.PROJECTOR))) {
            assertThat(Gathered.gradients(model)).isEmpty();
            model.zeroGradients();
            assertThat(Gathered.gradients(model))
                    .hasSize(4)
                    .allSatisfy(
                            (name, values) -> {
                                assertThat(Part.of(name)).isEqualTo(Part.PROJECTOR);
                                assertThat(values).containsOnly(0);
                            });
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX) // which lists the files that a process has open
    void onADeviceThatIsNotThereNoFileStaysOpen() throws IOException {
        Path copy = directory.resolve("model");
        Files.createDirectories(copy);
        try (Stream<Path> files = Files.list(Golden.checkpoint("llava-m3"))) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        assertThatThrownBy(() -> TrainableModel.open(copy, Device.of("npu", 0), Set.of()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("expected cpu or cuda");
        List<String> open;
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            open = files.map(TrainableModelTest::target).toList();
        }
        assertThat(open).noneMatch(file -> file.startsWith(copy.toString()));
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }
}
