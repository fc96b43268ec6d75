package io.m3j.llm.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.GoldenRequests;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** Who is refused, what ends an answer before its last token, and who is told. */
class BatcherEndingsTest extends BatcherTestBase {

    @Test
    void aFullQueueRefusesWithTheNumbers() throws Exception {
        try (ContinuousBatcher batcher = batcher(1, 2)) {
            CompletableFuture<Answer> running = batcher.submit(endless());
            awaitRunning(batcher, 1);
            CompletableFuture<Answer> second = batcher.submit(endless());
            batcher.submit(endless());
            assertThatThrownBy(() -> batcher.submit(endless()))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("queue: full: 2 of 2 requests wait, 1 of 1 run with")
                    .hasMessageContaining("MiB of KV cache");
            assertThatThrownBy(
                            () ->
                                    batcher.submitWaiting(
                                            endless(), piece -> {}, Duration.ofMillis(30)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("no place for PT0.03S");
            second.cancel(true);
            GoldenRequests.Case c = golden.cases.get(0);
            CompletableFuture<Answer> third =
                    batcher.submitWaiting(c.request(3), piece -> {}, LONG);
            assertThat(batcher.load().waiting()).isEqualTo(2);
            Thread waiter =
                    new Thread(
                            () -> {
                                try {
                                    batcher.submitWaiting(c.request(3), piece -> {}, LONG);
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                }
                            });
            waiter.start();
            running.cancel(true);
            waiter.join();
            assertThat(third.isDone()).as("behind one that is endless").isFalse();
        }
    }

    @Test
    void whatCanNeverFitIsRefusedAtOnceAndWhatDoesNotFitNowWaits() throws Exception {
        GoldenRequests.Case small = golden.cases.get(0);
        long bytes = golden.model.prepare(small.request(20)).cacheBytes();
        long endless = golden.model.prepare(endless()).cacheBytes();
        BatchOptions batch = BatchOptions.builder().cacheBytes(endless + bytes / 2).build();
        try (ContinuousBatcher batcher =
                new ContinuousBatcher(golden.model, BatcherOptions.of(batch))) {
            Request huge =
                    Request.ofIds(
                            List.of(),
                            new long[500],
                            GenerationOptions.builder().maxNewTokens(3500).build());
            assertThatThrownBy(() -> batcher.submit(huge))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("500 positions of prompt and 3500 of answer");
            CompletableFuture<Answer> running = batcher.submit(endless());
            awaitRunning(batcher, 1);
            CompletableFuture<Answer> waits = batcher.submit(small.request(20));
            Thread.sleep(30);
            assertThat(batcher.load().waiting()).isEqualTo(1);
            assertThat(batcher.load().cacheBytes()).isEqualTo(endless);
            running.cancel(true);
            assertThat(waits.join().ids()).isEqualTo(small.expected(20));
        }
    }

    @Test
    void cancellingInTheMiddleOfAStepEndsNothingElse() throws Exception {
        EncodedImage image = golden.image("land_640x480");
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(1000).build();
        GoldenRequests.Case c = golden.cases.get(1);
        try (ContinuousBatcher batcher = batcher(4, 8)) {
            for (int i = 0; i < 10; i++) { // most of the time a step runs
                CountDownLatch some = new CountDownLatch(3);
                CompletableFuture<Answer> cancelled =
                        batcher.submit(
                                Request.of(image, "What?", options), piece -> some.countDown());
                some.await();
                cancelled.cancel(false);
                assertThat(batcher.submit(c.request(24)).join().ids()).isEqualTo(c.generated());
            }
        }
    }

    @Test
    void cancellingAndTimeoutsTakeARequestOut() throws Exception {
        try (ContinuousBatcher batcher = batcher(2, 8)) {
            CompletableFuture<Answer> cancelled = batcher.submit(endless());
            CompletableFuture<Answer> timed = batcher.submit(endless());
            awaitRunning(batcher, 2);
            timed.orTimeout(40, TimeUnit.MILLISECONDS);
            cancelled.cancel(true);
            assertThat(failure(cancelled)).isInstanceOf(CancellationException.class);
            assertThat(failure(timed)).isInstanceOf(TimeoutException.class);
            awaitRunning(batcher, 0);
            assertThat(batcher.load().cacheBytes()).isZero();
        }
        BatchOptions one = BatchOptions.builder().maxRunning(1).build();
        BatcherOptions impatient = BatcherOptions.of(one).withTimeout(Duration.ofMillis(150));
        try (ContinuousBatcher batcher = new ContinuousBatcher(golden.model, impatient)) {
            CompletableFuture<Answer> runs = batcher.submit(endless());
            CompletableFuture<Answer> waits = batcher.submit(endless());
            assertThat(failure(runs))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("no answer within PT0.15S: it waited")
                    .hasMessageContaining("of 3000 tokens");
            assertThat(failure(waits)).isInstanceOf(M3Exception.class);
            GoldenRequests.Case c = golden.cases.get(0);
            assertThat(batcher.submit(c.request(2)).join().ids()).isEqualTo(c.expected(2));
            CompletableFuture<Answer> unread =
                    batcher.submit(
                            Request.of(
                                    golden.image("land_640x480"),
                                    "What?",
                                    GenerationOptions.builder().maxNewTokens(20).build()),
                            piece -> await(new CountDownLatch(1)));
            assertThat(failure(unread)).hasMessageContaining("no answer within");
        }
    }

    @Test
    void closingEndsEverythingAndSaysWhy() throws Exception {
        ContinuousBatcher batcher = batcher(1, 8);
        CompletableFuture<Answer> runs = batcher.submit(endless());
        CompletableFuture<Answer> waits = batcher.submit(endless());
        awaitRunning(batcher, 1);
        batcher.close();
        batcher.close();
        assertThat(runs).isCompletedExceptionally();
        assertThat(waits).isCompletedExceptionally();
        assertThat(failure(runs))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the batcher was closed")
                .hasMessageContaining("of 3000 tokens");
        assertThat(failure(waits)).hasMessageContaining("ms in the queue");
        assertThatThrownBy(() -> batcher.submit(endless()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the batcher was closed");
    }

    @Test
    void aModelThatIsClosedFirstEndsTheBatcher() throws Exception {
        try (GoldenRequests own = new GoldenRequests(0)) {
            ContinuousBatcher batcher = new ContinuousBatcher(own.model, BatcherOptions.defaults());
            List<CompletableFuture<Answer>> all = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                all.add(batcher.submit(endless()));
            }
            awaitRunning(batcher, 32);
            own.model.close();
            all.forEach(
                    one ->
                            assertThat(failure(one))
                                    .isInstanceOf(IllegalStateException.class)
                                    .hasMessageContaining("was closed"));
            assertThatThrownBy(() -> batcher.submit(endless()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("was closed");
            batcher.close();
        }
    }

    /** Callers that submit, cancel, fail and give up, until the batcher is closed under them. */
    @Test
    void aStormEndsWithEveryRequestTold() throws Exception {
        for (int round = 0; round < 6; round++) {
            BatchOptions batch = BatchOptions.builder().maxRunning(4).build();
            ContinuousBatcher batcher =
                    new ContinuousBatcher(
                            golden.model,
                            BatcherOptions.of(batch)
                                    .withQueueCapacity(6)
                                    .withTimeout(Duration.ofMillis(400)));
            ConcurrentLinkedQueue<CompletableFuture<Answer>> submitted =
                    new ConcurrentLinkedQueue<>();
            int callers = 10;
            CountDownLatch running = new CountDownLatch(callers);
            ExecutorService threads = Executors.newFixedThreadPool(callers);
            try {
                List<Future<?>> endings = new ArrayList<>();
                for (int i = 0; i < callers; i++) {
                    Random random = new Random(31L * round + i);
                    endings.add(
                            threads.submit(
                                    () -> {
                                        running.countDown();
                                        untilClosed(batcher, random, submitted);
                                    }));
                }
                running.await();
                Thread.sleep(60L * round);
                batcher.close();
                for (Future<?> ending : endings) {
                    ending.get();
                }
            } finally {
                threads.shutdownNow();
            }
            assertThat(submitted).allMatch(CompletableFuture::isDone);
        }
    }

    private static void untilClosed(
            ContinuousBatcher batcher,
            Random random,
            ConcurrentLinkedQueue<CompletableFuture<Answer>> submitted) {
        while (true) {
            GoldenRequests.Case c = golden.cases.get(random.nextInt(golden.cases.size()));
            int tokens = 1 + random.nextInt(GoldenRequests.NEW_TOKENS);
            try {
                CompletableFuture<Answer> answer =
                        switch (random.nextInt(4)) {
                            case 0 -> batcher.submit(c.request(tokens));
                            case 1 -> batcher.submitWaiting(c.request(tokens), piece -> {}, LONG);
                            case 2 ->
                                    batcher.submit(
                                            Request.of(
                                                    GoldenRequests.picture("tiny_3x5"),
                                                    "What?",
                                                    c.request(tokens).options()));
                            default ->
                                    batcher.submit(
                                            Request.of(
                                                    c.images().get(0),
                                                    "What?",
                                                    c.request(tokens).options()),
                                            piece -> {
                                                throw new IllegalArgumentException("enough");
                                            });
                        };
                submitted.add(answer);
                if (random.nextInt(3) == 0) {
                    Thread.sleep(random.nextInt(4));
                    answer.cancel(true);
                } else if (random.nextBoolean()) {
                    answer.handle((a, e) -> e).get();
                }
            } catch (M3Exception e) {
                assertThat(e).hasMessageContaining("queue: full");
            } catch (IllegalStateException e) {
                return;
            } catch (InterruptedException | java.util.concurrent.ExecutionException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Test
    void numbersOutOfRangeAreNamed() {
        BatchOptions batch = BatchOptions.builder().build();
        assertThatThrownBy(() -> BatcherOptions.of(batch).withQueueCapacity(0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("queueCapacity 0");
        assertThatThrownBy(() -> BatcherOptions.of(batch).withTimeout(Duration.ZERO))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("timeout PT0S");
    }
}
