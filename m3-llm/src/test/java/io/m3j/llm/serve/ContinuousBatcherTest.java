package io.m3j.llm.serve;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.GoldenRequests;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Many callers, one model: who is answered, in which order, and that none disturbs another. */
class ContinuousBatcherTest extends BatcherTestBase {

    private static final Duration FOR_EVER = ChronoUnit.FOREVER.getDuration();

    @Test
    void callersAtTheSameTimeGetTheReferencesAnswers() throws Exception {
        int callers = 12;
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try (ContinuousBatcher batcher = batcher(8, 64)) {
            List<Future<Boolean>> all = new ArrayList<>();
            for (int caller = 0; caller < callers; caller++) {
                Random random = new Random(caller);
                Callable<Boolean> calls =
                        () -> {
                            for (int i = 0; i < 5; i++) {
                                GoldenRequests.Case c =
                                        golden.cases.get(random.nextInt(golden.cases.size()));
                                int tokens = 1 + random.nextInt(GoldenRequests.NEW_TOKENS);
                                Answer answer = batcher.submit(c.request(tokens)).get();
                                assertThat(answer.ids()).as(c.name()).isEqualTo(c.expected(tokens));
                            }
                            return true;
                        };
                all.add(threads.submit(calls));
            }
            for (Future<Boolean> one : all) {
                one.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void piecesComeInOrderAndBeforeTheAnswer() {
        EncodedImage image = golden.image("land_640x480");
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(40).build();
        Answer alone = golden.model.generate(image, "What is it?", options, piece -> {});
        try (ContinuousBatcher batcher = batcher(4, 8)) {
            StringBuffer told = new StringBuffer();
            Answer answer =
                    batcher.submit(Request.of(image, "What is it?", options), told::append).join();
            assertThat(told.toString().strip()).isEqualTo(alone.text());
            assertThat(answer)
                    .usingRecursiveComparison()
                    .ignoringFields("timings")
                    .isEqualTo(alone);
            assertThat(answer.timings().prefill()).isPositive();
            assertThat(answer.timings().decodedTokens()).isEqualTo(answer.ids().size() - 1);
        }
    }

    @Test
    void picturesAreEncodedAndFreed() {
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(5).build();
        Answer alone =
                golden.model.generate(golden.image("land_640x480"), "What?", options, piece -> {});
        try (ContinuousBatcher batcher = batcher(2, 8)) {
            List<CompletableFuture<Answer>> answers = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                answers.add(
                        batcher.submit(
                                Request.of(
                                        GoldenRequests.picture("land_640x480"), "What?", options)));
            }
            answers.get(3).cancel(true);
            answers.remove(3);
            answers.forEach(a -> assertThat(a.join().ids()).isEqualTo(alone.ids()));
            CompletableFuture<Answer> wrong =
                    batcher.submit(
                            Request.of(
                                    GoldenRequests.picture("tiny_3x5"),
                                    "<image> <image>?",
                                    options));
            assertThat(failure(wrong))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("2 image slots for 1 image");
        }
    }

    @Test
    void forEverIsATimeoutToo() throws Exception {
        BatcherOptions patient = BatcherOptions.defaults().withTimeout(FOR_EVER);
        try (ContinuousBatcher batcher = new ContinuousBatcher(golden.model, patient)) {
            GoldenRequests.Case c = golden.cases.get(0);
            assertThat(batcher.submitWaiting(c.request(2), piece -> {}, FOR_EVER).join().ids())
                    .isEqualTo(c.expected(2));
        }
    }

    /** A large one at the head of the queue is not passed by small ones for ever. */
    @Test
    void firstComeFirstServed() throws Exception {
        ConcurrentLinkedQueue<Integer> order = new ConcurrentLinkedQueue<>();
        try (ContinuousBatcher batcher = batcher(1, 64)) {
            CompletableFuture<Answer> blocking = batcher.submit(endless());
            awaitRunning(batcher, 1);
            List<CompletableFuture<Void>> all = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                int number = i;
                GoldenRequests.Case c = golden.cases.get(i % 2 == 0 ? 4 : 0);
                all.add(
                        batcher.submit(c.request(5), piece -> {})
                                .thenAccept(answer -> order.add(number)));
            }
            blocking.cancel(true);
            all.forEach(CompletableFuture::join);
        }
        assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    }

    @Test
    void aConsumerThatThrowsEndsItsOwnAnswerAlone() {
        EncodedImage image = golden.image("land_640x480");
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(1000).build();
        try (ContinuousBatcher batcher = batcher(4, 8)) {
            CompletableFuture<Answer> throwing =
                    batcher.submit(
                            Request.of(image, "What?", options),
                            piece -> {
                                throw new IllegalArgumentException("enough");
                            });
            GoldenRequests.Case c = golden.cases.get(1);
            assertThat(batcher.submit(c.request(24)).join().ids()).isEqualTo(c.generated());
            assertThat(failure(throwing))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("enough");
        }
    }

    @Test
    void aConsumerThatBlocksHoldsUpNobody() throws Exception {
        EncodedImage image = golden.image("land_640x480");
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(30).build();
        CountDownLatch open = new CountDownLatch(1);
        StringBuffer told = new StringBuffer();
        try (ContinuousBatcher batcher = batcher(2, 8)) {
            List<CompletableFuture<Answer>> slow = new ArrayList<>();
            for (int i = 0; i < 6; i++) { // more than may run at once
                slow.add(
                        batcher.submitWaiting(
                                Request.of(image, "What?", options),
                                piece -> {
                                    await(open);
                                    told.append(piece);
                                },
                                LONG));
            }
            GoldenRequests.Case c = golden.cases.get(1);
            for (int i = 0; i < 5; i++) {
                assertThat(batcher.submit(c.request(24)).join().ids()).isEqualTo(c.generated());
            }
            awaitRunning(batcher, 0);
            assertThat(slow).noneMatch(CompletableFuture::isDone);
            assertThat(batcher.load().cacheBytes()).as("memory is back").isZero();
            open.countDown();
            String text = slow.get(0).join().text();
            slow.forEach(CompletableFuture::join);
            assertThat(text).isNotEmpty();
            assertThat(told.length()).isGreaterThanOrEqualTo(6 * text.length());
        }
    }

    /** What hangs on a future runs elsewhere than the batch. */
    @Test
    void aCallersContinuationHoldsUpNobody() {
        CountDownLatch open = new CountDownLatch(1);
        GoldenRequests.Case c = golden.cases.get(1);
        try (ContinuousBatcher batcher = batcher(2, 8)) {
            CompletableFuture<Answer> first = batcher.submit(c.request(2));
            CompletableFuture<Void> hanging = first.thenRun(() -> await(open));
            assertThat(batcher.submit(c.request(24)).join().ids()).isEqualTo(c.generated());
            open.countDown();
            hanging.join();
        }
    }
}
