package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A run that is killed at random instants, as by {@code kill -9}, ends like one that was not. */
class KilledRunTest {

    private static final int LONGEST_WAIT_SECONDS = 300;

    /** A process that took so many waits for its kill, so that there is always one to be killed. */
    private static final int MOST_STEPS_OF_A_LIFE = 3;

    @TempDir private Path directory;

    /** Of examples with one picture at most, and of such with several, of any resolution. */
    @ParameterizedTest
    @CsvSource({"MINI, llava-m3, 10, 250", "RAGGED, llava-next-hf, 3, 1000"})
    void killsLeaveNoTrace(MiniRun.Kind kind, String checkpoint, int kills, int longestLife)
            throws IOException, InterruptedException {
        Golden.checkpoint(checkpoint); // restored once, not by each process
        int steps =
                kills * MOST_STEPS_OF_A_LIFE + 2; // more than all killed processes together take
        long seed = System.nanoTime();
        System.err.println("KilledRunTest: seed " + seed);
        Random random = new Random(seed);
        Path whole = directory.resolve("whole");
        finish(whole, steps, kind);
        Path killed = directory.resolve("killed");
        Path log = directory.resolve("killed.log");
        int atWork = 0;
        for (int kill = 0; kill < kills; kill++) {
            Process process = MiniRun.start(killed, steps, MOST_STEPS_OF_A_LIFE, kind);
            waitUntilItTrains(process, log);
            Thread.sleep(random.nextInt(longestLife)); // some steps, each with a checkpoint
            assertThat(process.isAlive())
                    .as("seed %d, kill %d: %s", seed, kill, Files.readString(log))
                    .isTrue();
            process.destroyForcibly().waitFor();
            atWork += Files.readString(log).contains(MiniRun.WAITS) ? 0 : 1;
        }
        assertThat(directory.resolve("killed/model")).doesNotExist();
        finish(killed, steps, kind);
        assertThat(MiniRun.weights(killed)).as("seed %d", seed).isEqualTo(MiniRun.weights(whole));
        assertThat(MiniRun.metrics(killed)).as("seed %d", seed).isEqualTo(MiniRun.metrics(whole));
        System.err.println(
                "KilledRunTest: " + kills + " kills hit a process, " + atWork + " of them at work");
        assertThat(atWork).as("seed %d", seed).isPositive();
    }

    private static void finish(Path run, int steps, MiniRun.Kind kind)
            throws IOException, InterruptedException {
        Process process = MiniRun.start(run, steps, steps + 1, kind);
        assertThat(process.waitFor(LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        Path log = run.resolveSibling(run.getFileName() + ".log");
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    }

    /** Most of a process's short life is its start, in which a kill would prove little. */
    private static void waitUntilItTrains(Process process, Path log)
            throws IOException, InterruptedException {
        while (process.isAlive() && !Files.readString(log).contains(MiniRun.OPENED)) {
            Thread.sleep(5);
        }
    }
}
