package io.m3j.train.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import org.junit.jupiter.api.Test;

class SplitTest {

    @Test
    void noSeedBelongsToTwo() {
        for (Split one : Split.values()) {
            assertThat(Split.of(one.first())).isEqualTo(one);
            assertThat(Split.of(one.last())).isEqualTo(one);
            for (Split other : Split.values()) {
                assertThat(one == other || one.last() < other.first() || other.last() < one.first())
                        .isTrue();
            }
        }
    }

    @Test
    void aSeedOfNoSplitIsRefused() {
        assertThatThrownBy(() -> Split.of(-1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("0 to 2999999 expected, found -1");
        assertThatThrownBy(() -> Split.TEST.seed(1_000_000))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("test seeds: number 0 to 999999 expected, found 1000000");
        assertThat(Split.TEST.seed(5)).isEqualTo(2_000_005);
    }
}
