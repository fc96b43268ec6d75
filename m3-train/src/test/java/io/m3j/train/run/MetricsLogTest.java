package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
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

    /** Of the two scales 9 is the finest, from which nothing diverges; 1 has it for its neighbour, too. */
    @Test
    void whatScalesAreTaughtByFinerOnesIsSaidBesideTheirLoss() throws IOException {
        String loss = "{'steps':1,'loss':{'distillation':0.5,'consistency':0.25,'temperature':2}}";
        Path run = directory.resolve("run");
        MiniRun.run(
                MiniRun.nested(MiniRun.recipe(loss)), run, false, MiniSource.of(11), new Told(0));
        JsonNode line =
                MiniRun.JSON.readTree(Files.readAllLines(run.resolve("metrics.jsonl")).get(0));
        double entropy =
                (line.at("/loss_by_scale/1").asDouble() + line.at("/loss_by_scale/9").asDouble())
                        / 2;
        double divergence = line.at("/distillation_by_scale/1").asDouble();
        assertThat(divergence).isPositive();
        assertThat(line.at("/consistency_by_scale/1").asDouble()).isEqualTo(divergence);
        assertThat(line.at("/distillation_by_scale/9").asDouble(-1)).isZero();
        assertThat(line.get("loss").asDouble())
                .isCloseTo(entropy + 0.75 * divergence, within(1e-5));
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
