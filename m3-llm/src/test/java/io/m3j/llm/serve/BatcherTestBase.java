package io.m3j.llm.serve;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.llm.Answer;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.GoldenRequests;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A model to serve, and that nothing of it is left behind after each test. */
@Timeout(60)
abstract class BatcherTestBase {

    static final Duration LONG = Duration.ofSeconds(50);

    static GoldenRequests golden;
    private int arrays;

    @BeforeAll
    static void load() {
        golden = new GoldenRequests(0);
        golden.warmUp();
    }

    @AfterAll
    static void close() {
        golden.close();
    }

    @BeforeEach
    void count() {
        arrays = golden.model.managedArrays();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(golden.model.managedArrays()).as("arrays left").isEqualTo(arrays);
        List<String> left =
                Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .filter(name -> name.startsWith("m3-batcher") && !name.contains("delivery"))
                        .toList();
        assertThat(left).as("threads left").isEmpty();
    }

    static ContinuousBatcher batcher(int maxRunning, int queue) {
        BatchOptions batch = BatchOptions.builder().maxRunning(maxRunning).build();
        return new ContinuousBatcher(
                golden.model, BatcherOptions.of(batch).withQueueCapacity(queue));
    }

    /** Runs as long as the test wants it to: nobody waits for its 3,000 tokens. */
    static Request endless() {
        return Request.ofIds(List.of(), new long[] {1, 2, 3}, longOptions());
    }

    private static GenerationOptions longOptions() {
        return GenerationOptions.builder().maxNewTokens(3000).ignoreEndOfSequence(true).build();
    }

    static void awaitRunning(ContinuousBatcher batcher, int running) throws Exception {
        while (batcher.load().running() != running) {
            Thread.sleep(2);
        }
    }

    static Throwable failure(CompletableFuture<Answer> future) {
        try {
            Answer answer = future.get(50, TimeUnit.SECONDS);
            throw new AssertionError("expected a failure, found " + answer);
        } catch (CancellationException e) {
            return e;
        } catch (java.util.concurrent.ExecutionException e) {
            return e.getCause();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new CompletionException(e);
        }
    }
}
