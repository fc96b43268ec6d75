package io.m3j.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.m3j.core.torch.Kernels;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class NestedTokensTest {

    /** float32 means of at most 32² numbers below 10. */
    private static final float TOLERANCE = 1e-5f;

    private static Kernels kernels;

    @BeforeContainer
    static void load() {
        kernels = Kernels.load(Device.cpu());
    }

    @AfterContainer
    static void close() {
        kernels.close();
    }

    /** Random numbers [tiles, side², width]. */
    private record Grid(int tiles, int side, int width, float[] values) {

        static Grid random(int tiles, int side, int width, long seed) {
            Random random = new Random(seed);
            float[] values = new float[tiles * side * side * width];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return new Grid(tiles, side, width, values);
        }

        NestedTokens nested(Pooling pooling) {
            return nested(pooling, Ladder.ofGrid(side));
        }

        NestedTokens nested(Pooling pooling, Ladder ladder) {
            Shape shape = new Shape(tiles, (long) side * side, width);
            try (NDManager scope = kernels.newManager()) {
                NDArray grid = scope.create(FloatBuffer.wrap(values), shape);
                return new NestedTokens(kernels, grid, ladder, pooling);
            }
        }

        float at(int tile, int row, int column, int element) {
            return values[((tile * side + row) * side + column) * width + element];
        }
    }

    @Property(tries = 100)
    void coarserTokensAreMeansOfTheFinerOnesTheyCover(
            @ForAll @IntRange(min = 1, max = 3) int tiles,
            @ForAll @IntRange(min = 1, max = 24) int side,
            @ForAll @IntRange(min = 1, max = 5) int width,
            @ForAll long seed) {
        try (NestedTokens nested = Grid.random(tiles, side, width, seed).nested(Pooling.AVERAGE)) {
            List<Scale> scales = nested.ladder().scales();
            for (int i = 1; i < scales.size(); i++) {
                int fine = scales.get(i).side();
                float[] finer = nested.at(scales.get(i)).toFloatArray();
                float[] expected =
                        averaged(
                                new Grid(tiles, fine, width, finer),
                                fine / scales.get(i - 1).side());
                assertThat(nested.at(scales.get(i - 1)).toFloatArray())
                        .containsExactly(expected, org.assertj.core.data.Offset.offset(TOLERANCE));
            }
        }
    }

    @Property(tries = 100)
    void everyScaleIsTheMeanOfItsCellsOfTheGrid(
            @ForAll @IntRange(min = 1, max = 32) int side, @ForAll long seed) {
        Grid grid = Grid.random(2, side, 3, seed);
        try (NestedTokens nested = grid.nested(Pooling.AVERAGE)) {
            for (Scale scale : nested.ladder().scales()) {
                NDArray tokens = nested.at(scale);
                assertThat(tokens.getShape()).isEqualTo(new Shape(2, scale.tokens(), 3));
                assertThat(tokens.toFloatArray())
                        .containsExactly(
                                averaged(grid, side / scale.side()),
                                org.assertj.core.data.Offset.offset(TOLERANCE));
            }
        }
    }

    @Property(tries = 50)
    void theSpatialBaselineTakesTheMiddleOfEachCell(
            @ForAll @IntRange(min = 1, max = 24) int side, @ForAll long seed) {
        Grid grid = Grid.random(2, side, 2, seed);
        try (NestedTokens nested = grid.nested(Pooling.SPATIAL)) {
            for (Scale scale : nested.ladder().scales()) {
                int cell = side / scale.side();
                int middle = (cell - 1) / 2;
                float[] found = nested.at(scale).toFloatArray();
                int next = 0;
                for (int tile = 0; tile < 2; tile++) {
                    for (int token = 0; token < scale.tokens(); token++) {
                        int row = token / scale.side() * cell + middle;
                        int column = token % scale.side() * cell + middle;
                        for (int e = 0; e < 2; e++) {
                            assertThat(found[next++]).isEqualTo(grid.at(tile, row, column, e));
                        }
                    }
                }
                assertThat(next).isEqualTo(found.length);
            }
        }
    }

    @Property(tries = 50)
    void theSequentialBaselineTakesTheFirstTokens(
            @ForAll @IntRange(min = 1, max = 24) int side, @ForAll long seed) {
        Grid grid = Grid.random(2, side, 2, seed);
        try (NestedTokens nested = grid.nested(Pooling.SEQUENTIAL)) {
            for (Scale scale : nested.ladder().scales()) {
                float[] found = nested.at(scale).toFloatArray();
                int half = scale.tokens() * 2;
                for (int tile = 0; tile < 2; tile++) {
                    for (int i = 0; i < half; i++) {
                        int source = tile * side * side * 2 + i;
                        assertThat(found[tile * half + i]).isEqualTo(grid.values()[source]);
                    }
                }
                assertThat(found).hasSize(2 * half);
            }
        }
    }

    @Example
    void aScaleIsComputedOnceAndKept() {
        Grid grid = Grid.random(1, 24, 4, 1);
        try (NestedTokens nested = grid.nested(Pooling.AVERAGE, Ladder.of(24, List.of(4)))) {
            assertThat(nested.at(Scale.of(4))).isSameAs(nested.at(Scale.of(4)));
            assertThat(nested.at(Scale.of(576)).toFloatArray()).containsExactly(grid.values());
            assertThat(nested.tiles()).isEqualTo(1);
            assertThatThrownBy(() -> nested.at(Scale.of(9)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("scale 9")
                    .hasMessageContaining("4, 576");
        }
    }

    @Example
    void gridsOfAnotherSizeAreRefused() {
        try (NDManager scope = kernels.newManager()) {
            for (Shape shape :
                    List.of(new Shape(1, 575, 4), new Shape(576, 4), new Shape(1, 24, 24, 4))) {
                NDArray grid = scope.zeros(shape);
                Ladder ladder = Ladder.ofGrid(24);
                assertThatThrownBy(() -> new NestedTokens(kernels, grid, ladder, Pooling.AVERAGE))
                        .isInstanceOf(M3Exception.class)
                        .hasMessageContaining("[tiles, 576, hidden size]")
                        .hasMessageContaining(shape.toString());
            }
        }
    }

    @Example
    void closedTokensAreNotRead() {
        int before = kernels.managedArrays();
        NestedTokens nested = Grid.random(1, 4, 4, 1).nested(Pooling.AVERAGE);
        nested.at(Scale.of(1));
        assertThat(kernels.managedArrays()).isEqualTo(before + 2);
        nested.close();
        nested.close();
        assertThat(kernels.managedArrays()).isEqualTo(before);
        assertThatThrownBy(() -> nested.at(Scale.of(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(nested::tiles).isInstanceOf(IllegalStateException.class);
    }

    @Example
    void tokensOfClosedKernelsAreNotRead() {
        Kernels own = Kernels.load(Device.cpu());
        NestedTokens nested;
        try (NDManager scope = own.newManager()) {
            NDArray grid = scope.zeros(new Shape(1, 16, 2));
            nested = new NestedTokens(own, grid, Ladder.ofGrid(4), Pooling.AVERAGE);
        }
        own.close();
        assertThatThrownBy(() -> nested.at(Scale.of(1))).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(own::newManager).isInstanceOf(IllegalStateException.class);
        nested.close();
        own.close();
    }

    /** A plain mean over squares of the grid. */
    private static float[] averaged(Grid grid, int cell) {
        int side = grid.side() / cell;
        float[] means = new float[grid.tiles() * side * side * grid.width()];
        int next = 0;
        for (int tile = 0; tile < grid.tiles(); tile++) {
            for (int token = 0; token < side * side; token++) {
                for (int e = 0; e < grid.width(); e++) {
                    double sum = 0;
                    for (int i = 0; i < cell * cell; i++) {
                        int row = token / side * cell + i / cell;
                        int column = token % side * cell + i % cell;
                        sum += grid.at(tile, row, column, e);
                    }
                    means[next++] = (float) (sum / (cell * cell));
                }
            }
        }
        return means;
    }
}
