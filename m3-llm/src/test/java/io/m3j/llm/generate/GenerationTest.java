package io.m3j.llm.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.llm.tokenizer.StreamingDecoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class GenerationTest {

    private static final int END = 0;
    private static final int VOCABULARY = 128;

    /** A model that says a text, one letter an id, then the end-of-sequence id for ever. */
    private static final class Speaker implements LogitSource {

        private final String text;
        private final List<Long> read = new ArrayList<>();
        private int said;
        private int closed;
        private Runnable beforeStep = () -> {};

        Speaker(String text) {
            this.text = text;
        }

        @Override
        public float[] prefill() {
            assertThat(said).as("prefill comes once, first").isZero();
            return speak();
        }

        @Override
        public float[] step(long id) {
            beforeStep.run();
            read.add(id);
            return speak();
        }

        private float[] speak() {
            float[] logits = new float[VOCABULARY];
            logits[said < text.length() ? text.charAt(said) : END] = 1;
            said++;
            return logits;
        }

        @Override
        public void close() {
            closed++;
        }
    }

    /** Letters as they are, but each dot is held back until the next id, as half a character is. */
    private static final class Letters implements StreamingDecoder {

        private String held = "";

        @Override
        public String accept(long id) {
            String text = held + (char) id;
            held = text.endsWith(".") ? "." : "";
            return text.substring(0, text.length() - held.length());
        }

        @Override
        public String flush() {
            String text = held;
            held = "";
            return text;
        }
    }

    private static Generation start(
            Speaker speaker, UnaryOperator<GenerationOptions.Builder> settings, String... stops) {
        return new Generation(
                speaker,
                new Transcript(
                        Optional.of(new Letters()),
                        settings.apply(GenerationOptions.builder()).build(),
                        List.of(stops),
                        Set.of((long) END),
                        new long[] {7, 8}));
    }

    private static String all(Generation generation) {
        StringBuilder text = new StringBuilder();
        generation.forEachRemaining(
                piece -> {
                    assertThat(piece).isNotEmpty();
                    text.append(piece);
                });
        assertThat(generation.hasNext()).isFalse();
        assertThat(generation.text()).isEqualTo(text.toString());
        assertThatThrownBy(generation::next).isInstanceOf(NoSuchElementException.class);
        return text.toString();
    }

    @Test
    void anAnswerEndsWithTheEndOfSequence() {
        Speaker speaker = new Speaker("a.b.");
        Generation generation = start(speaker, o -> o);
        assertThat(generation.finishReason()).isEmpty();
        assertThat(all(generation)).isEqualTo("a.b.");
        assertThat(generation.finishReason()).contains(FinishReason.END_OF_SEQUENCE);
        assertThat(generation.ids()).containsExactly(97L, 46L, 98L, 46L, 0L);
        assertThat(speaker.read).as("the last id is not read").containsExactly(97L, 46L, 98L, 46L);
        assertThat(generation.timings(Duration.ofSeconds(1)).decodedTokens()).isEqualTo(4);
    }

    @Test
    void anAnswerThatEndsGivesItsCacheBackAtOnce() {
        Speaker speaker = new Speaker("ab");
        Generation generation = start(speaker, o -> o);
        generation.next();
        generation.next();
        assertThat(speaker.closed).isZero();
        assertThat(generation.hasNext()).isFalse();
        assertThat(speaker.closed).as("without a call of close").isEqualTo(1);
    }

    @Test
    void theEndOfSequenceCanBeIgnored() {
        Generation generation =
                start(new Speaker("ab"), o -> o.ignoreEndOfSequence(true).maxNewTokens(4));
        generation.forEachRemaining(piece -> {});
        assertThat(generation.ids()).containsExactly(97L, 98L, 0L, 0L);
        assertThat(generation.finishReason()).contains(FinishReason.LENGTH);
    }

    @Test
    void anAnswerIsNoLongerThanAllowed() {
        Speaker speaker = new Speaker("abc.ef");
        Generation generation = start(speaker, o -> o.maxNewTokens(4));
        assertThat(all(generation)).as("what was held back is shown").isEqualTo("abc.");
        assertThat(generation.finishReason()).contains(FinishReason.LENGTH);
        assertThat(speaker.said).isEqualTo(4);
    }

    @Test
    void aStopStringEndsTheAnswerAndIsNotShown() {
        Speaker speaker = new Speaker("one###two");
        Generation generation = start(speaker, o -> o.stopStrings(List.of("two")), "###");
        assertThat(all(generation)).isEqualTo("one");
        assertThat(generation.finishReason()).contains(FinishReason.STOP_STRING);
        assertThat(generation.ids()).hasSize(6);
    }

    @Test
    void theOptionsStopStringsAreAddedToTheTemplates() {
        Generation generation =
                start(new Speaker("one###two"), o -> o.stopStrings(List.of("n")), "###");
        assertThat(all(generation)).isEqualTo("o");
    }

    @Test
    void idsComeWithoutATextDecoder() {
        try (Generation generation =
                new Generation(
                        new Speaker("ab"),
                        new Transcript(
                                Optional.empty(),
                                GenerationOptions.builder().stopStrings(List.of("a")).build(),
                                List.of(),
                                Set.of((long) END),
                                new long[0]))) {
            assertThat(generation.hasNext()).isFalse();
            assertThat(generation.ids()).containsExactly(97L, 98L, 0L);
        }
    }

    @Test
    void askingForTheNextPieceComputesItOnce() {
        Speaker speaker = new Speaker("ab");
        Generation generation = start(speaker, o -> o);
        for (int i = 0; i < 5; i++) {
            assertThat(generation.hasNext()).isTrue();
        }
        assertThat(speaker.said).isEqualTo(1);
        assertThat(generation.next()).isEqualTo("a");
        assertThat(speaker.said).isEqualTo(1);
        assertThat(generation.next()).isEqualTo("b");
    }

    @Test
    void anotherThreadCanCancel() throws Exception {
        Speaker speaker = new Speaker("a".repeat(100));
        CountDownLatch second = new CountDownLatch(1);
        CountDownLatch cancelled = new CountDownLatch(1);
        speaker.beforeStep =
                () -> {
                    second.countDown();
                    await(cancelled);
                };
        Generation generation = start(speaker, o -> o);
        Thread canceller =
                new Thread(
                        () -> {
                            await(second);
                            generation.cancel();
                            cancelled.countDown();
                        });
        canceller.start();
        assertThat(all(generation)).isEqualTo("aa");
        assertThat(generation.finishReason()).contains(FinishReason.CANCELLED);
        canceller.join();
    }

    @Test
    void anInterruptCancelsAndIsKept() {
        Generation generation = start(new Speaker("abc.d"), o -> o);
        assertThat(generation.next()).isEqualTo("a");
        Thread.currentThread().interrupt();
        assertThat(generation.hasNext()).isFalse();
        assertThat(Thread.interrupted()).as("still interrupted").isTrue();
        assertThat(generation.finishReason()).contains(FinishReason.CANCELLED);
    }

    @Test
    void closingClosesTheSourceOnce() {
        Speaker speaker = new Speaker("abc");
        Generation generation = start(speaker, o -> o);
        assertThat(generation.next()).isEqualTo("a");
        generation.close();
        generation.close();
        assertThat(speaker.closed).isEqualTo(1);
        assertThat(generation.text()).isEqualTo("a");
        assertThat(generation.ids()).containsExactly(97L);
        assertThatThrownBy(generation::hasNext)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the answer was closed");
    }

    @Test
    void anAnswerThatEndedStaysReadableAfterClosing() {
        Generation generation = start(new Speaker("ab"), o -> o);
        assertThat(all(generation)).isEqualTo("ab");
        generation.close();
        assertThat(generation.hasNext()).isFalse();
        assertThat(generation.finishReason()).contains(FinishReason.END_OF_SEQUENCE);
    }

    @Test
    void closingWaitsForTheStepOfAnotherThread() throws Exception {
        Speaker speaker = new Speaker("a".repeat(100));
        CountDownLatch inStep = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicReference<Integer> closedDuringStep = new AtomicReference<>();
        speaker.beforeStep =
                () -> {
                    inStep.countDown();
                    await(go);
                    closedDuringStep.set(speaker.closed);
                };
        Generation generation = start(speaker, o -> o);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread reader =
                new Thread(
                        () -> {
                            try {
                                generation.forEachRemaining(piece -> {});
                            } catch (IllegalStateException e) {
                                failure.set(e);
                            }
                        });
        reader.start();
        inStep.await();
        Thread closer = new Thread(generation::close);
        closer.start();
        while (closer.isAlive() && closer.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        go.countDown();
        closer.join();
        reader.join();
        assertThat(closedDuringStep).hasValue(0);
        assertThat(speaker.closed).isEqualTo(1);
        assertThat(failure.get()).hasMessageContaining("closed");
    }

    @Test
    void aFailedAnswerDoesNotGoOn() {
        Speaker speaker = new Speaker("abc");
        Generation generation = start(speaker, o -> o);
        assertThat(generation.next()).isEqualTo("a");
        speaker.beforeStep =
                () -> {
                    throw new M3Exception("out of paper");
                };
        assertThatThrownBy(generation::hasNext)
                .isInstanceOf(M3Exception.class)
                .hasMessage("out of paper");
        speaker.beforeStep = () -> {};
        assertThatThrownBy(generation::hasNext)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("failed")
                .hasRootCauseMessage("out of paper");
        assertThat(speaker.said).as("it was not asked again").isEqualTo(1);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
