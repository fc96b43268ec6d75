package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.TrainingKernels;
import io.m3j.train.data.Example;
import io.m3j.train.data.Grounding;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WindowTest {

    private static final int SIDE = 6;
    private static final int WINDOW = 3;
    private static final int GRID = 24;
    private static final int PATCH = 14;
    private static final int PICTURE = 336;

    /** Two pictures of 6×6 patches, of which each number tells its place, in windows of 3×3. */
    @Test
    void cutsTheTurnedGridAndPutsItTogetherAgain() {
        int places = 1 + SIDE * SIDE;
        FloatBuffer numbers = FloatBuffer.allocate(2 * places);
        for (int i = 0; i < 2 * places; i++) {
            numbers.put(i, i / places * 100 + i % places - 1); // the class token is −1, or 99
        }
        try (TrainingKernels kernels = TrainingKernels.load(Device.cpu());
                NDManager scope = kernels.newManager()) {
            NDArray x = kernels.parameter(scope, numbers, new Shape(2, places, 1), false);
            NDArray cut = kernels.tower().toWindows(scope, x, SIDE, WINDOW, 1, 2);
            assertThat(cut.getShape()).isEqualTo(new Shape(8, 10, 1));
            float[] windows = cut.toFloatArray();
            for (int window = 0; window < 8; window++) {
                int base = window / 4 * 100;
                assertThat(windows[window * 10]).isEqualTo(base - 1);
                for (int i = 0; i < 9; i++) {
                    // Turned down by one: what is in row r was in row r − 1.
                    int row = Math.floorMod(window % 4 / 2 * WINDOW + i / WINDOW - 1, SIDE);
                    int column = Math.floorMod(window % 2 * WINDOW + i % WINDOW - 2, SIDE);
                    assertThat(windows[window * 10 + 1 + i]).isEqualTo(base + row * SIDE + column);
                }
            }
            NDArray whole = kernels.tower().fromWindows(scope, cut, SIDE, WINDOW, 1, 2);
            assertThat(whole.toFloatArray()).isEqualTo(numbers.array());
        }
    }

    /** What is seen through a window does not depend on what lies outside. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void attentionStaysInside(long seed) {
        Window window = Window.of(GRID, 12, seed);
        assertThat(window).isEqualTo(Window.of(GRID, 12, seed));
        int row = 7;
        int column = 15;
        LossOptions loss = new LossOptions(Map.of(), LossOptions.Mode.ALL_SCALES, 0, 0, 1, 1);
        try (TrainableModel model =
                TrainableModel.open(
                        Golden.checkpoint("llava-m3"), Device.cpu(), Set.of(Part.TOWER))) {
            JsonNode batches = Golden.json("golden/train.json").get("batches");
            TrainingBatch mixed = GoldenBatch.of(model, batches.get("mixed"));
            Example plain = mixed.examples().get(0);
            Grounding word = new Grounding(new int[] {row * GRID + column}, new int[] {7});
            Example example =
                    new Example(
                            plain.id(), plain.ids(), plain.labels(), plain.images(), List.of(word));
            TrainingStep whole = new TrainingStep(model, StepOptions.plain(2048));
            TrainingStep cut = new TrainingStep(model, StepOptions.plain(2048).withWindow(12));
            float[] pixels = mixed.pixels().get(0);
            float[] outside = pixels.clone();
            for (int r = 0; r < GRID; r++) {
                for (int c = 0; c < GRID; c++) {
                    if (number(window, r, c) != number(window, row, column)) {
                        blacken(outside, r, c);
                    }
                }
            }
            double before = loss(cut, example, pixels, loss, seed);
            assertThat(loss(cut, example, outside, loss, seed)).isCloseTo(before, within(1e-6));
            assertThat(Math.abs(loss(whole, example, outside, loss, seed) - before))
                    .isGreaterThan(1e-4);
        }
    }

    private static double loss(
            TrainingStep step, Example example, float[] pixels, LossOptions loss, long seed) {
        TrainingBatch batch = new TrainingBatch(List.of(example), List.of(pixels));
        return step.accumulate(batch, loss, 1, seed).loss();
    }

    private static int number(Window window, int row, int column) {
        int r = (row + window.down()) % GRID / window.side();
        int c = (column + window.right()) % GRID / window.side();
        return 2 * r + c;
    }

    private static void blacken(float[] pixels, int row, int column) {
        for (int channel = 0; channel < 3; channel++) {
            for (int y = 0; y < PATCH; y++) {
                int start = (channel * PICTURE + row * PATCH + y) * PICTURE + column * PATCH;
                Arrays.fill(pixels, start, start + PATCH, -1.5f);
            }
        }
    }

    @Test
    void aSideThatDoesNotDivideTheGridIsRefused() {
        assertThatThrownBy(() -> Window.of(GRID, 5, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tower_window: expected a divisor of the grid's 24")
                .hasMessageContaining("found 5");
        assertThat(Window.of(GRID, 0, 9).isWhole()).isTrue();
    }
}
