package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.golden.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that is killed at random instants, as by {@code kill -9}, ends like one that was not. */
class KilledRunTest {

    private static final int KILLS = 10;
    private static final int LONGEST_WAIT_SECONDS = 300;

    /** A process that took so many waits for its kill, so that there is always one to be killed. */
    private static final int MOST_STEPS_OF_A_LIFE = 3;

    /** More than all killed processes together can take. */
    private static final int STEPS = KILLS * MOST_STEPS_OF_A_LIFE + 2;

    /** Some steps, each with a checkpoint. */
    private static final int LONGEST_LIFE_MILLISECONDS = 250;

    @TempDir private Path directory;

    @Test
    void tenKillsLeaveNoTrace() throws IOException, InterruptedException {
        Golden.checkpoint("llava-m3"); // restored once, not by each process
        long seed = System.nanoTime();
        System.err.println("KilledRunTest: seed " + seed);
        Random random = new Random(seed);
        Path whole = directory.resolve("whole");
        finish(whole);
        Path killed = directory.resolve("killed");
        Path log = directory.resolve("killed.log");
        int atWork = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            Process process = MiniRun.start(killed, STEPS, MOST_STEPS_OF_A_LIFE);
            waitUntilItTrains(process, log);
            Thread.sleep(random.nextInt(LONGEST_LIFE_MILLISECONDS));
            assertThat(process.isAlive())
                    .as("seed %d, kill %d: %s", seed, kill, Files.readString(log))
                    .isTrue();
            process.destroyForcibly().waitFor();
            atWork += Files.readString(log).contains(MiniRun.WAITS) ? 0 : 1;
        }
        assertThat(directory.resolve("killed/model")).doesNotExist();
        finish(killed);
        assertThat(MiniRun.weights(killed)).as("seed %d", seed).isEqualTo(MiniRun.weights(whole));
        assertThat(MiniRun.metrics(killed)).as("seed %d", seed).isEqualTo(MiniRun.metrics(whole));
        System.err.println(
                "KilledRunTest: " + KILLS + " kills hit a process, " + atWork + " of them at work");
        assertThat(atWork).as("seed %d", seed).isPositive();
    }

    private static void finish(Path run) throws IOException, InterruptedException {
        Process process = MiniRun.start(run, STEPS, STEPS + 1);
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
