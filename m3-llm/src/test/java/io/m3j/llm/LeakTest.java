package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A thousand requests of every kind leave no array and no memory behind. */
class LeakTest {

    private static final long[] PROMPT = {1, 462, 404, -200, 474, 31};

    /** Long enough for the Java heap and oneDNN's cache of compiled shapes to reach their size. */
    private static final int WARM_UP = 300;

    private static final int REQUESTS = 1000;

    private static final LoadOptions OPTIONS =
            LoadOptions.builder().tokenizer(Golden.checkpoint("tokenizer")).build();

    /** One model's weights are 3 MB; one forgotten picture is 0.2 MB, one forgotten cache more. */
    private static final long SLACK = 16L << 20;

    @Test
    void aThousandRequestsLeaveNothingBehind() {
        try (M3Model model = M3Model.load(Golden.checkpoint("llava-m3"), OPTIONS);
                EncodedImage image = model.encode(M3ModelTest.picture())) {
            image.ladder().scales().forEach(image::at);
            for (int i = 0; i < WARM_UP; i++) {
                request(model, image, i);
            }
            int arrays = model.managedArrays();
            int[] next = {0};
            ResidentMemory.assertFlat(
                    SLACK, () -> request(model, image, next[0]++), REQUESTS - WARM_UP);
            assertThat(model.managedArrays()).isEqualTo(arrays);
        }
    }

    private static void request(M3Model model, EncodedImage image, int number) {
        Scale scale = Scale.of(List.of(1, 9, 1, 36, 1, 9, 144, 1).get(number % 8));
        GenerationOptions few = GenerationOptions.builder().scale(scale).maxNewTokens(2).build();
        switch (number % 10) {
            case 0 -> {
                try (EncodedImage own = model.encode(M3ModelTest.picture())) {
                    own.at(scale);
                    model.generateIds(List.of(own), PROMPT, few);
                }
            }
            case 1 -> model.generate(image, "What is it?", few, piece -> {});
            case 2 -> model.logits(image, PROMPT, scale).close();
            case 3 ->
                    assertThatThrownBy(() -> model.logits(image, new long[] {1, 512}, scale))
                            .isInstanceOf(M3Exception.class);
            case 4 ->
                    assertThatThrownBy(() -> image.at(Scale.of(4))).isInstanceOf(M3Exception.class);
            case 5 -> {
                try (Generation left = model.start(List.of(image), PROMPT, few, List.of())) {
                    left.hasNext();
                }
            }
            case 6 -> model.start(List.of(image), PROMPT, few, List.of()).close();
            case 7 -> model.generate(List.of(), "Who?", few, piece -> {});
            default -> model.generateIds(List.of(image), PROMPT, few);
        }
    }

    @Test
    void aRefusedAnswerLeavesNothing() {
        GenerationOptions few = GenerationOptions.builder().maxNewTokens(2).build();
        try (M3Model model = M3Model.load(Golden.checkpoint("llava-m3"), OPTIONS)) {
            int before = model.managedArrays();
            long[] text = {1, 462};
            assertThatThrownBy(() -> model.start(List.of(), text, few, List.of("")))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("stop strings");
            assertThatThrownBy(() -> model.start(List.of(), text, few, null))
                    .isInstanceOf(NullPointerException.class);
            assertThat(model.managedArrays()).isEqualTo(before);
        }
    }

    @Test
    void everyArrayBelowTheModelIsCounted() {
        try (M3Model model = M3Model.load(Golden.checkpoint("llava-m3"))) {
            int before = model.managedArrays();
            EncodedImage image = model.encode(M3ModelTest.picture());
            assertThat(model.managedArrays()).as("the grid").isEqualTo(before + 1);
            image.at(Scale.of(9));
            assertThat(model.managedArrays()).as("and a scale").isEqualTo(before + 2);
            NDArray logits = model.logits(image, PROMPT, Scale.of(9));
            assertThat(model.managedArrays())
                    .as("logits are the caller's")
                    .isGreaterThan(before + 2);
            logits.close();
            image.close();
            // The rotary table, made once, stays.
            assertThat(model.managedArrays()).isEqualTo(before + 2);
        }
    }
}
