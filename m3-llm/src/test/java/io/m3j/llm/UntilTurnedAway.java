package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Calls that go on, each in a thread of its own, until what they use was closed. */
public final class UntilTurnedAway {

    private UntilTurnedAway() {}

    /**
     * @param calls repeated until they are refused; one that sees freed memory ends the process
     * @param milliseconds before closing, whatever the calls are at
     * @param close ends what they use
     */
    public static void close(List<Runnable> calls, long milliseconds, Runnable close)
            throws Exception {
        CountDownLatch running = new CountDownLatch(calls.size());
        ExecutorService threads = Executors.newFixedThreadPool(calls.size());
        try {
            List<Future<?>> endings = new ArrayList<>();
            for (Runnable call : calls) {
                endings.add(threads.submit(() -> repeat(call, running)));
            }
            running.await();
            Thread.sleep(milliseconds);
            close.run();
            for (Future<?> ending : endings) {
                ending.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static void repeat(Runnable call, CountDownLatch running) {
        running.countDown();
        assertThatThrownBy(
                        () -> {
                            while (true) {
                                call.run();
                            }
                        })
                .isInstanceOf(IllegalStateException.class);
    }
}
