package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.train.data.ExampleSource;
import java.util.List;
import org.junit.jupiter.api.Test;

class JoinedExamplesTest {

    private static final List<ExampleSource> SOURCES =
            List.of(MiniSource.of(2), MiniSource.of(1), RaggedSource.of(5));

    private final ExampleSource joined = JoinedExamples.of(SOURCES);

    @Test
    void eachExampleIsThatOfItsSource() {
        int index = 0;
        for (ExampleSource source : SOURCES) {
            for (int i = 0; i < source.size(); i++) {
                assertThat(joined.get(index).id()).isEqualTo(source.get(i).id());
                assertThat(joined.length(index)).isEqualTo(source.length(i));
                assertThat(joined.pictures(index)).isEqualTo(source.pictures(i));
                assertThat(joined.pictureSizes(index)).isEqualTo(source.pictureSizes(i));
                index++;
            }
        }
        assertThat(joined.size()).isEqualTo(index);
        int size = index;
        for (int outside : new int[] {-1, size}) {
            assertThatThrownBy(() -> joined.get(outside))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }
}
