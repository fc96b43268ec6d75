package io.m3j.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class LifetimeTest {

    private final Lifetime lifetime = new Lifetime("the thing");

    @Test
    void callsAfterClosingAreTurnedAway() {
        assertThat(lifetime.<Integer>during(() -> 7)).isEqualTo(7);
        assertThat(lifetime.close()).isTrue();
        assertThat(lifetime.close()).as("a second time").isFalse();
        assertThatThrownBy(() -> lifetime.during(() -> 7))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the thing was closed");
    }

    @Test
    void closingWaitsForTheCallInside() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        AtomicBoolean left = new AtomicBoolean();
        Thread caller =
                new Thread(
                        () ->
                                lifetime.during(
                                        () -> {
                                            inside.countDown();
                                            await(leave);
                                            left.set(true);
                                            return null;
                                        }));
        caller.start();
        inside.await();
        AtomicBoolean leftBeforeClosed = new AtomicBoolean();
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread closer =
                new Thread(
                        () -> {
                            lifetime.close();
                            leftBeforeClosed.set(left.get());
                            interrupted.set(Thread.currentThread().isInterrupted());
                        });
        closer.start();
        closer.interrupt();
        while (closer.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        assertThatThrownBy(() -> lifetime.during(() -> 7))
                .as("a call that comes while another one is awaited")
                .isInstanceOf(IllegalStateException.class);
        leave.countDown();
        closer.join();
        caller.join();
        assertThat(leftBeforeClosed).isTrue();
        assertThat(interrupted).as("the interrupt is kept").isTrue();
    }

    @Test
    void aCallThatFailsHasLeft() {
        assertThatThrownBy(
                        () ->
                                lifetime.during(
                                        () -> {
                                            throw new M3Exception("no");
                                        }))
                .isInstanceOf(M3Exception.class);
        assertThat(lifetime.close()).as("does not wait for it").isTrue();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
