package io.m3j.train.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.train.data.BadExample.Reason;
import io.m3j.train.data.BatchLoader.Options;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The limit of time is for a test that hangs, not for one that is slow. */
@Timeout(60)
class BatchLoaderTest {

    private static final LongFunction<int[]> PAIRS =
            step -> new int[] {(int) (2 * step), (int) (2 * step + 1)};
    private static final Options STOP = new Options(3, 4, OnFault.STOP);
    private static final Options SKIP = new Options(3, 4, OnFault.SKIP);

    @Test
    void batchesComeInOrderWhicheverThreadWasFirst() {
        CountDownLatch second = new CountDownLatch(1);
        List<Integer> taken = new ArrayList<>();
        try (BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        3,
                        103,
                        index -> {
                            if (index == 6) {
                                await(second); // The first is loaded when the second has been.
                            }
                            second.countDown();
                            return 10 * index;
                        },
                        STOP)) {
            for (long step = 3; loader.hasNext(); step++) {
                BatchLoader.Batch<Integer> batch = loader.next();
                assertThat(batch.step()).isEqualTo(step);
                assertThat(batch.skipped()).isEmpty();
                taken.addAll(batch.examples());
            }
            assertThatThrownBy(loader::next)
                    .isInstanceOf(NoSuchElementException.class)
                    .hasMessageContaining("102");
        }
        assertThat(taken).hasSize(200).isSorted().startsWith(60, 70);
    }

    @Test
    void noMoreThanTheBatchesAheadAreLoaded() throws Exception {
        AtomicInteger started = new AtomicInteger();
        CountDownLatch ahead = new CountDownLatch(8);
        try (BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        0,
                        1000,
                        index -> {
                            started.incrementAndGet();
                            ahead.countDown();
                            return index;
                        },
                        STOP)) {
            ahead.await();
            assertThat(started).hasValue(8);
            loader.next();
            assertThat(started.get()).isLessThanOrEqualTo(10);
        }
    }

    @Test
    void whatFailsFailsAtItsBatchAndAgain() {
        try (BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        0,
                        10,
                        index -> index == 5 ? fail(Reason.BROKEN_IMAGE) : index,
                        STOP)) {
            assertThat(loader.next().examples()).containsExactly(0, 1);
            assertThat(loader.next().examples()).containsExactly(2, 3);
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(loader::next)
                        .isInstanceOf(BadExample.class)
                        .hasMessage("BROKEN_IMAGE");
            }
        }
    }

    @Test
    void badExamplesAreLeftOutAndHandedOverButOtherFailuresAreNot() {
        try (BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        0,
                        10,
                        index ->
                                switch (index) {
                                    case 1, 2, 3 -> fail(Reason.MISSING_IMAGE);
                                    case 6 -> throw new M3Exception("the file has changed");
                                    case 8 -> throw new OutOfMemoryError("pictures");
                                    default -> index;
                                },
                        SKIP)) {
            BatchLoader.Batch<Integer> first = loader.next();
            assertThat(first.examples()).containsExactly(0);
            assertThat(first.skipped())
                    .extracting(BadExample::reason)
                    .containsExactly(Reason.MISSING_IMAGE);
            BatchLoader.Batch<Integer> second = loader.next();
            assertThat(second.examples()).isEmpty();
            assertThat(second.skipped()).hasSize(2);
            assertThat(loader.next().examples()).containsExactly(4, 5);
            assertThatThrownBy(loader::next)
                    .isInstanceOf(M3Exception.class)
                    .hasMessage("the file has changed");
        }
    }

    @Test
    void anErrorOfTheJvmSurfacesAsItIs() {
        try (BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        0,
                        1,
                        index -> {
                            throw new OutOfMemoryError("pictures");
                        },
                        SKIP)) {
            assertThatThrownBy(loader::next).isInstanceOf(OutOfMemoryError.class);
        }
    }

    @Test
    void closingWaitsForWhatIsLoadingStartsNothingAndFreesTheOneWhoWaits() throws Exception {
        CountDownLatch loading = new CountDownLatch(3);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger started = new AtomicInteger();
        AtomicReference<Thread> thread = new AtomicReference<>();
        BatchLoader<Integer> loader =
                new BatchLoader<>(
                        PAIRS,
                        0,
                        100,
                        index -> {
                            started.incrementAndGet();
                            thread.set(Thread.currentThread());
                            loading.countDown();
                            await(goOn);
                            return index;
                        },
                        STOP);
        loading.await();
        FutureTask<Throwable> waiting =
                new FutureTask<>(
                        () -> {
                            try {
                                for (int i = 0; i < 100; i++) {
                                    loader.next();
                                }
                                return null;
                            } catch (IllegalStateException e) {
                                return e;
                            }
                        });
        new Thread(waiting, "waiting").start();
        FutureTask<Void> closing = new FutureTask<>(loader::close, null);
        new Thread(closing, "closing").start();
        assertThat(waiting.isDone() && waiting.get() == null).isFalse();
        goOn.countDown();
        closing.get();
        assertThat(waiting.get()).hasMessageContaining("closed");
        // The pool has ended when its last task has; the thread itself may take a moment more.
        thread.get().join(10_000);
        assertThat(thread.get().isAlive()).isFalse();
        assertThatThrownBy(loader::next)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        int before = started.get();
        loader.close();
        assertThat(started).hasValue(before);
    }

    @Test
    void nothingAheadOrNoThreadIsRefused() {
        assertThatThrownBy(() -> new Options(0, 1, OnFault.STOP))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found 0 and 1");
        assertThatThrownBy(() -> new Options(1, 0, OnFault.STOP)).isInstanceOf(M3Exception.class);
    }

    private static Integer fail(Reason reason) {
        throw new BadExample(reason, reason.name());
    }

    private static void await(CountDownLatch latch) {
        boolean interrupted = false;
        while (latch.getCount() > 0) {
            try {
                latch.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
