package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {

    @TempDir private Path directory;

    @Test
    void whatCameBehindACheckpointIsCutOffAtOnce() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        long bytes;
        try (MetricsLog log = MetricsLog.open(file, 0)) {
            log.evaluation(RunState.start(), new StepTally());
            bytes = log.force();
            log.evaluation(RunState.start(), new StepTally());
        }
        assertThat(Files.readAllLines(file)).hasSize(2);
        MetricsLog.open(file, bytes).close();
        assertThat(Files.readAllLines(file)).hasSize(1);
    }

    @Test
    void aFileThatLostLinesIsRefused() {
        Path file = directory.resolve("metrics.jsonl");
        assertThatThrownBy(() -> MetricsLog.open(file, 10))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("at least the 10 bytes")
                .hasMessageContaining("found 0");
    }
}
