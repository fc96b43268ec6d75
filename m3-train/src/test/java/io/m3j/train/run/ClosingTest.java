package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClosingTest {

    private final List<String> closed = new ArrayList<>();

    private Runnable closer(String name, boolean fails) {
        return () -> {
            closed.add(name);
            if (fails) {
                throw new IllegalStateException(name);
            }
        };
    }

    @Test
    void whatFailsDoesNotKeepTheRestOpen() {
        Closing closing = new Closing();
        closing.add(closer("lock", true));
        closing.add(closer("model", false));
        closing.add(closer("metrics", true));
        assertThatThrownBy(closing::close)
                .hasMessage("metrics")
                .satisfies(
                        e ->
                                assertThat(e.getSuppressed())
                                        .extracting(Throwable::getMessage)
                                        .containsExactly("lock"));
        assertThat(closed).containsExactly("metrics", "model", "lock");
        closing.close();
        assertThat(closed).hasSize(3);
    }

    @Test
    void aFailureBeforeTakesOnWhatFailsNow() {
        Closing closing = new Closing();
        closing.add(closer("lock", true));
        closing.add(closer("model", true));
        Throwable failure = new IllegalStateException("no such scale");
        closing.close(failure);
        assertThat(closed).containsExactly("model", "lock");
        assertThat(failure.getSuppressed()).hasSize(2);
    }
}
