package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged command, asked to end by a signal while it trains. */
class StoppedTrainingIT {

    private static final int PATIENCE_SECONDS = 120;
    private static final int TERMINATED = 128 + 15;

    @TempDir private Path directory;

    private Process train(int steps, String... more) throws IOException {
        String json =
                "{'model':{'from':'"
                        + Path.of("src", "test", "home", "models", "m3j-tiny").toAbsolutePath()
                        + "','template':'vicuna_v1'},'run':'run','batch':{'size':1},'steps':"
                        + steps
                        + ",'data':[{'scenes':{'seed':3,'count':4}}],'scales':[1],"
                        + "'schedule':{'kind':'constant'},'optimizer':{'learning_rate':0.001}}";
        Path recipe = directory.resolve("recipe.json");
        Files.writeString(recipe, json.replace('\'', '"'));
        String launcher = Path.of("bin", "m3").toAbsolutePath().toString();
        List<String> command =
                new ArrayList<>(List.of(launcher, "train", "--recipe", recipe.toString()));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
    }

    @Test
    void aSignalEndsTheRunBehindItsStepWithACheckpoint() throws Exception {
        assumeThat(File.separatorChar).isEqualTo('/');
        Process process = train(100_000);
        Path metrics = directory.resolve("run/metrics.jsonl");
        while (process.isAlive() && (Files.notExists(metrics) || Files.size(metrics) == 0)) {
            Thread.sleep(20);
        }
        process.destroy(); // SIGTERM
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        String log = Files.readString(directory.resolve("log"));
        assertThat(process.exitValue()).as(log).isEqualTo(TERMINATED);
        int steps = Files.readAllLines(metrics).size();
        assertThat(log).contains("interrupted; --resume auto goes on behind step " + steps);
        assertThat(
                        directory
                                .resolve("run/checkpoints")
                                .resolve(String.format(Locale.ROOT, "step-%010d", steps)))
                .isDirectory();
    }
}
